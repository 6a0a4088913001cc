// Workers that share rows, as threads of a test.
#pragma once

#include <exception>
#include <thread>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include "base/parallel.h"
#include "nn/exchange.h"

namespace relievo {

/// So many workers of one thread each; the first is the caller's thread.
inline RunTogether on_threads(size_t workers) {
  return [workers](const std::function<void(size_t)>& body, const std::function<void()>& on_failure) {
    std::vector<std::exception_ptr> errors(workers);
    const auto guarded = [&](size_t k) {
      const at::NoGradGuard no_grad;
      at::set_num_threads(1);
      set_parallel_threads(1);
      try {
        body(k);
      } catch (...) {
        errors[k] = std::current_exception();
        on_failure();
      }
    };
    std::vector<std::thread> threads;
    for (size_t k = 1; k < workers; ++k) threads.emplace_back(guarded, k);
    guarded(0);
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : errors) {
      if (error) std::rethrow_exception(error);
    }
  };
}

}  // namespace relievo

// Tensors that go between workers which compute parts of the same layers at the same time.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include <ATen/core/Tensor.h>

namespace relievo {

/// Runs `body(k)` for every worker k on its own thread, all at once, and waits; k = 0 is the caller's. Calls
/// `on_failure` from any thread as soon as one of them fails, so that the others need not wait for it.
using RunTogether =
    std::function<void(const std::function<void(size_t k)>& body, const std::function<void()>& on_failure)>;

/// Where workers that run together give each other tensors: each gives as many as the others, in one order.
class Exchange {
 public:
  explicit Exchange(size_t workers) : given_(workers) {}

  /// Gives the tensor of worker k, waits for those of the others, and returns all in the workers' order. They
  /// lie where they were made, and what makes them is done. Throws Stopped.
  std::vector<at::Tensor> all(size_t k, const at::Tensor& own);

  /// Ends every wait, now and from now on.
  void stop();

  /// Thrown by all() when another worker has failed; that one's error is the one to pass on.
  struct Stopped {};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<at::Tensor> given_, complete_;
  size_t arrived_ = 0;
  uint64_t turn_ = 0;
  bool stopped_ = false;
};

/// Returns the seconds for which this thread has waited for other workers since the last call.
double take_waited_seconds();

}  // namespace relievo

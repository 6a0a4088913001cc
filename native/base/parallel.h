// The parallel loop of everything that is not a torch operator.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>

namespace relievo {

/// Threads that parallel_for uses on the calling thread's behalf (default: all of OpenMP's). A worker thread
/// sets it once to its share of the machine.
int parallel_threads();
void set_parallel_threads(int threads);

/// Calls `body(first, last)` on disjoint ranges that together cover 0..count, each of about `grain` items, on
/// several threads. Ranges do not depend on the number of threads. The first exception is thrown again here.
template <typename Body>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  grain = std::max<int64_t>(grain, 1);
  const int64_t blocks = (count + grain - 1) / grain;
  std::exception_ptr error;
#pragma omp parallel for schedule(dynamic) num_threads(parallel_threads()) if (blocks > 1)
  for (int64_t block = 0; block < blocks; ++block) {
    try {
      body(block * grain, std::min(count, (block + 1) * grain));
    } catch (...) {
#pragma omp critical(relievo_parallel_for)
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace relievo

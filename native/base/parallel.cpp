#include "base/parallel.h"

#include <omp.h>

#include "base/fork.h"
#include "base/thread_room.h"

namespace relievo {
namespace {

thread_local int t_threads = 0;  // 0: not set
thread_local int t_started = 1;  // of OpenMP's, for this thread

}  // namespace

int parallel_threads() {
  if (has_lost_threads()) return 1;
  use_threads();
  const int threads = t_threads > 0 ? t_threads : omp_get_max_threads();
  // OpenMP ends the process where it cannot start a thread.
  if (threads > t_started && !omp_in_parallel()) {
    if (!has_room_for_threads(threads - 1)) return 1;
    t_started = threads;
  }
  return threads;
}

void set_parallel_threads(int threads) { t_threads = std::max(threads, 1); }

}  // namespace relievo

#include "base/parallel.h"

#include <omp.h>

#include "base/fork.h"

namespace relievo {
namespace {

thread_local int t_threads = 0;  // 0: not set

}  // namespace

int parallel_threads() {
  if (has_lost_threads()) return 1;
  use_threads();
  return t_threads > 0 ? t_threads : omp_get_max_threads();
}

void set_parallel_threads(int threads) { t_threads = std::max(threads, 1); }

}  // namespace relievo

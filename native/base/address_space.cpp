#include "base/address_space.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

namespace relievo {

std::optional<int64_t> address_space_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<int64_t>(limit.rlim_cur);
}

std::optional<int64_t> address_space_left() {
  const std::optional<int64_t> limit = address_space_limit();
  if (!limit) return std::nullopt;
  int64_t pages = 0;  // proc(5): the first number is the size of all that is mapped
  std::ifstream("/proc/self/statm") >> pages;
  return std::max<int64_t>(*limit - pages * ::sysconf(_SC_PAGESIZE), 0);
}

Error with_address_space(const Error& error) {
  const std::optional<int64_t> limit = address_space_limit();
  if (error.code() != ErrorCode::kOutOfMemory || !limit) return error;
  return {error.code(), error.message(),
          fmt::format("This process may map {:.1f} GiB of memory (ulimit -v): raise that limit. {}",
                      static_cast<double>(*limit) / (1 << 30), error.hint())};
}

}  // namespace relievo

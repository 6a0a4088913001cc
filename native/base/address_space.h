// How much memory the process may map, where that is limited (`ulimit -v`): far more than it holds.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"

namespace relievo {

/// RLIMIT_AS; nothing where there is no limit.
std::optional<int64_t> address_space_limit();

/// What may still be mapped before it; nothing where there is no limit.
std::optional<int64_t> address_space_left();

/// An error for want of memory, with the limit in its hint where there is one. Others stay as they are.
Error with_address_space(const Error& error);

}  // namespace relievo

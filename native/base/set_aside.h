// Files that cannot be used are kept.
#pragma once

#include <filesystem>

namespace relievo {

/// Gives a file, a link or a folder another name beside its own, which nothing has: state.sqlite becomes
/// state.damaged.sqlite, or state.damaged_2.sqlite. Returns that name. Throws Error{kIo}.
std::filesystem::path set_aside(const std::filesystem::path& path);

}  // namespace relievo

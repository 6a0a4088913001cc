// Keeps regions of memory from ending the process when one of their pages cannot be read.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

namespace relievo {

struct MappedRegion;

/// From now on, a page of `bytes` that cannot be read is replaced by zeros, and the region counts as damaged.
MappedRegion* watch(std::span<const std::byte> bytes, const std::filesystem::path& path);
void unwatch(MappedRegion* region);
bool is_damaged(const MappedRegion* region);
/// The file of a damaged region, if there is one.
std::optional<std::filesystem::path> damaged_file();

}  // namespace relievo

// Regions of memory in which a page that cannot be read is no end of the process.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

namespace relievo {

struct MappedRegion;

/// From now on, a page of `bytes` that cannot be read becomes one of zeros and the region damaged.
MappedRegion* watch(std::span<const std::byte> bytes, const std::filesystem::path& path);
void unwatch(MappedRegion* region);
bool is_damaged(const MappedRegion* region);
/// The file of a damaged region, if there is one.
std::optional<std::filesystem::path> damaged_file();

}  // namespace relievo

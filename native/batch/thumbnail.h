// A small picture of a result, for the report of a batch.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/engine.h"

namespace relievo {

inline constexpr size_t kMostThumbnailBytes = 20'000;

/// The cut-out and the finished object, side by side, as a WebP file of at most kMostThumbnailBytes; one of
/// them where there is no other, nothing where there is none.
std::vector<std::byte> thumbnail_of(const std::vector<std::shared_ptr<const Preview>>& previews);

}  // namespace relievo

#include "batch/thumbnail.h"

#include <algorithm>
#include <string_view>

#include "files/animation.h"

namespace relievo {
namespace {

const Preview* find(const std::vector<std::shared_ptr<const Preview>>& previews, std::string_view name) {
  const auto found = std::ranges::find_if(previews, [&](const auto& each) { return each->name == name; });
  return found == previews.end() ? nullptr : found->get();
}

/// Copies a picture of 3 channels into the middle of the square whose left edge is at x = `left`.
void paste(const ByteImage& picture, int left, ByteImage& onto) {
  const int width = std::min(picture.width, kPreviewSide), height = std::min(picture.height, kPreviewSide);
  for (int y = 0; y < height; ++y) {
    uint8_t* to = onto.pixel(left + (kPreviewSide - width) / 2, y + (kPreviewSide - height) / 2);
    std::copy_n(picture.pixel(0, y), 3 * width, to);
  }
}

}  // namespace

std::vector<std::byte> thumbnail_of(const std::vector<std::shared_ptr<const Preview>>& previews) {
  std::vector<ByteImage> parts;
  for (const char* name : {"foreground", "shaded"}) {
    const Preview* const preview = find(previews, name);
    if (preview == nullptr) continue;
    parts.push_back(preview->picture.channels == 4 ? paste_on_white(preview->picture) : preview->picture);
  }
  if (parts.empty()) return {};
  ByteImage whole(kPreviewSide * static_cast<int>(parts.size()), kPreviewSide, 3, 255);
  for (size_t i = 0; i < parts.size(); ++i) paste(parts[i], kPreviewSide * static_cast<int>(i), whole);
  std::vector<std::byte> file;
  for (const float quality : {80.0f, 60.0f, 40.0f, 20.0f, 0.0f}) {
    file = encode_animation_frame(whole, quality);
    if (file.size() <= kMostThumbnailBytes) return file;
  }
  return {};
}

}  // namespace relievo

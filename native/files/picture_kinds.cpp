#include "files/picture_kinds.h"

#include <algorithm>
#include <array>
#include <string>

namespace relievo {

std::span<const std::string_view> picture_endings() {
  static constexpr std::array<std::string_view, 14> kEndings{".png",  ".jpg",  ".jpeg", ".jpe",  ".jfif",
                                                             ".webp", ".exr",  ".tif",  ".tiff", ".gif",
                                                             ".bmp",  ".heic", ".heif", ".avif"};
  return kEndings;
}

bool has_picture_ending(const std::filesystem::path& file) {
  std::string ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::find(picture_endings(), ending) != picture_endings().end();
}

}  // namespace relievo

#include "files/picture_kinds.h"

#include <algorithm>
#include <array>
#include <string>

namespace relievo {

std::span<const std::string_view> picture_endings() {
  using namespace std::string_view_literals;
  static constexpr std::array kEndings{".png"sv,  ".jpg"sv,  ".jpeg"sv, ".jpe"sv, ".jfif"sv, ".webp"sv,
                                       ".exr"sv,  ".tif"sv,  ".tiff"sv, ".gif"sv, ".bmp"sv,  ".dib"sv,
                                       ".heic"sv, ".heif"sv, ".hif"sv,  ".avif"sv};
  return kEndings;
}

bool has_picture_ending(const std::filesystem::path& file) {
  std::string ending = file.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::find(picture_endings(), ending) != picture_endings().end();
}

}  // namespace relievo

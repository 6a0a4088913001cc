#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <libexif/exif-data.h>

#include "files/formats.h"

namespace relievo::files {
namespace {

constexpr std::string_view kHeader("Exif\0\0", 6);

int short_of(const ExifData& data, ExifIfd ifd, ExifTag tag) {
  const ExifEntry* entry = exif_content_get_entry(data.ifd[ifd], tag);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->components != 1) return 0;
  return exif_get_short(entry->data, exif_data_get_byte_order(const_cast<ExifData*>(&data)));
}

/// Returns whether the colour space is Adobe RGB by DCF 2.0: EXIF gives no colour space, and the
/// interoperability tag marks an option file.
bool is_adobe_rgb(const ExifData& data) {
  constexpr int kUncalibrated = 0xffff;
  constexpr std::string_view kOptionFile = "R03";
  const ExifEntry* entry =
      exif_content_get_entry(data.ifd[EXIF_IFD_INTEROPERABILITY], EXIF_TAG_INTEROPERABILITY_INDEX);
  return short_of(data, EXIF_IFD_EXIF, EXIF_TAG_COLOR_SPACE) == kUncalibrated && entry != nullptr &&
         entry->size >= kOptionFile.size() && std::equal(kOptionFile.begin(), kOptionFile.end(), entry->data);
}

}  // namespace

Exif read_exif(std::span<const std::byte> data) {
  // libexif needs the header, which PNG and WebP leave out.
  std::vector<std::byte> with_header;
  const std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  if (!text.starts_with(kHeader)) {
    const auto* header = reinterpret_cast<const std::byte*>(kHeader.data());
    with_header.assign(header, header + kHeader.size());
    with_header.insert(with_header.end(), data.begin(), data.end());
    data = with_header;
  }
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> exif(
      exif_data_new_from_data(reinterpret_cast<const unsigned char*>(data.data()),
                              static_cast<unsigned>(data.size())),
      exif_data_unref);
  if (!exif) return {};
  const int orientation = short_of(*exif, EXIF_IFD_0, EXIF_TAG_ORIENTATION);
  return {orientation >= 1 && orientation <= 8 ? orientation : 1, is_adobe_rgb(*exif)};
}

Image turned_upright(Image stored, int orientation) {
  if (orientation == 1) return stored;
  // Row 0 of the stored picture is the seen one's top (1, 2), bottom (3, 4), left (5, 8) or right (6, 7)
  // side, and its column 0 the left (1, 4), right (2, 3), top (5, 6) or bottom (7, 8) side.
  const bool transposed = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  Image seen(stored.width, stored.height, stored.channels);
  seen.linear = stored.linear;
  if (transposed) std::swap(seen.width, seen.height);
  for (int y = 0; y < seen.height; ++y) {
    for (int x = 0; x < seen.width; ++x) {
      const int along_x = from_right ? seen.width - 1 - x : x;
      const int along_y = from_bottom ? seen.height - 1 - y : y;
      const float* from = transposed ? stored.pixel(along_y, along_x) : stored.pixel(along_x, along_y);
      std::copy_n(from, stored.channels, seen.pixel(x, y));
    }
  }
  return seen;
}

}  // namespace relievo::files

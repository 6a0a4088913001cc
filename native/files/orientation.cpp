#include <algorithm>
#include <memory>
#include <utility>

#include <libexif/exif-data.h>

#include "files/formats.h"

namespace relievo::files {

int exif_orientation(std::span<const std::byte> segment) {
  const std::unique_ptr<ExifData, decltype(&exif_data_unref)> data(
      exif_data_new_from_data(reinterpret_cast<const unsigned char*>(segment.data()),
                              static_cast<unsigned>(segment.size())),
      exif_data_unref);
  if (!data) return 1;
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  if (entry == nullptr || entry->format != EXIF_FORMAT_SHORT || entry->components != 1) return 1;
  const int orientation = exif_get_short(entry->data, exif_data_get_byte_order(data.get()));
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

ByteImage turned_upright(ByteImage stored, int orientation) {
  if (orientation == 1) return stored;
  // Row 0 of the stored picture is the seen one's top (1, 2), bottom (3, 4), left (5, 8) or right (6, 7)
  // side, and its column 0 the left (1, 4), right (2, 3), top (5, 6) or bottom (7, 8) side.
  const bool transposed = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  ByteImage seen(stored.width, stored.height, stored.channels);
  if (transposed) std::swap(seen.width, seen.height);
  for (int y = 0; y < seen.height; ++y) {
    for (int x = 0; x < seen.width; ++x) {
      const int along_x = from_right ? seen.width - 1 - x : x;
      const int along_y = from_bottom ? seen.height - 1 - y : y;
      const uint8_t* from = transposed ? stored.pixel(along_y, along_x) : stored.pixel(along_x, along_y);
      std::copy_n(from, stored.channels, seen.pixel(x, y));
    }
  }
  return seen;
}

}  // namespace relievo::files

#include "files/exr_header.h"

#include <algorithm>
#include <array>
#include <bit>

#include <OpenEXR/ImfChannelList.h>
#include <OpenEXR/ImfPartType.h>
#include <OpenEXR/ImfTileDescription.h>
#include <OpenEXR/ImfVersion.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo::files {
namespace {

constexpr uint64_t kAfterMagic = 4;
constexpr uint64_t kAfterVersion = 8;

int32_t read_int(ExrMemoryReader& stream) {
  std::array<char, 4> little_endian;
  stream.read(little_endian.data(), static_cast<int>(little_endian.size()));
  return std::bit_cast<int32_t>(little_endian);
}

/// Skips a text that ends in a null byte; returns false when it is empty.
bool skip_text(ExrMemoryReader& stream) {
  const uint64_t start = stream.tellg();
  char c = 0;
  do {
    stream.read(&c, 1);
  } while (c != '\0');
  return stream.tellg() > start + 1;
}

/// Checks that no attribute claims bytes beyond the end of the file, because OpenEXR allocates as many as it
/// claims. A header is a list of name, type, size and value that ends in an empty name; files of several
/// parts have several headers, and an empty one at the end ("The OpenEXR File Layout").
void check_attributes(const Source& source, bool has_parts) {
  ExrMemoryReader stream(source);
  stream.seekg(kAfterVersion);
  bool is_empty = false;
  do {
    is_empty = true;
    while (skip_text(stream)) {
      is_empty = false;
      skip_text(stream);
      const int32_t size = read_int(stream);
      if (size < 0 || static_cast<uint64_t>(size) > source.bytes.size() - stream.tellg()) {
        throw Iex::InputExc("an attribute is larger than the file");
      }
      stream.seekg(stream.tellg() + static_cast<uint64_t>(size));
    }
  } while (has_parts && !is_empty);
}

/// The number of rows that are compressed together ("The OpenEXR File Layout").
int rows_of_a_chunk(Imf::Compression compression) {
  switch (compression) {
    case Imf::ZIP_COMPRESSION:
    case Imf::PXR24_COMPRESSION:
      return 16;
    case Imf::PIZ_COMPRESSION:
    case Imf::B44_COMPRESSION:
    case Imf::B44A_COMPRESSION:
    case Imf::DWAA_COMPRESSION:
      return 32;
    case Imf::DWAB_COMPRESSION:
      return 256;
    default:
      return 1;
  }
}

/// Checks the chunks before OpenEXR allocates the offset of every chunk, and a chunk or a row of tiles: the
/// offsets must fit into the file, the chunk into the memory that a decoder may hold.
void check_chunks(const Source& source, const Imf::Header& header) {
  constexpr double kOffsetBytes = 8, kMostChannelBytes = 4;
  const Imath::Box2i& window = header.dataWindow();
  const double width = double{1.0} * window.max.x - window.min.x + 1;
  const double height = double{1.0} * window.max.y - window.min.y + 1;
  double channels = 0;
  for (auto channel = header.channels().begin(); channel != header.channels().end(); ++channel) ++channels;
  double chunks = 0, pixels = 0;
  if (header.hasTileDescription()) {
    const Imf::TileDescription& tile = header.tileDescription();
    if (tile.xSize == 0 || tile.ySize == 0) throw Iex::InputExc("its tiles are empty");
    chunks = std::max(width / tile.xSize, 1.0) * std::max(height / tile.ySize, 1.0);
    pixels = std::max(width, double{1.0} * tile.xSize) * tile.ySize;
  } else {
    const int rows = rows_of_a_chunk(header.compression());
    chunks = height / rows;
    pixels = width * rows;
  }
  if (chunks * kOffsetBytes > static_cast<double>(source.bytes.size())) {
    throw Iex::InputExc("it claims more parts than fit into the file");
  }
  if (pixels * channels * kMostChannelBytes > static_cast<double>(source.options.max_decoder_bytes)) {
    throw Iex::InputExc("its parts are too large");
  }
}

}  // namespace

Imf::Header read_exr_header(const Source& source) {
  ExrMemoryReader stream(source);
  stream.seekg(kAfterMagic);
  int version = read_int(stream);
  const bool has_parts = Imf::isMultiPart(version);
  check_attributes(source, has_parts);
  Imf::Header first;
  first.readFrom(stream, version);
  // The picture is the data window; what surrounds it in the display window is empty.
  const Imath::Box2i& window = first.dataWindow();
  check_size(source, int64_t{window.max.x} - window.min.x + 1, int64_t{window.max.y} - window.min.y + 1);
  if (first.hasType() && Imf::isDeepData(first.type())) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("'{}' is a deep OpenEXR file.", source.name),
                "Flatten it to a plain RGB or RGBA picture.");
  }
  check_chunks(source, first);
  while (has_parts) {
    char next = 0;
    stream.read(&next, 1);
    if (next == '\0') break;
    stream.seekg(stream.tellg() - 1);
    Imf::Header other;
    other.readFrom(stream, version);
    check_chunks(source, other);
  }
  return first;
}

}  // namespace relievo::files

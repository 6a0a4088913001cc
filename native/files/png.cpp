#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <spng.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/picture_rows.h"
#include "files/source_mark.h"

namespace relievo::files {
namespace {

using Context = std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)>;

// The limit for text, profiles and other chunks beside the picture is enough for any honest file, and stops
// decompression bombs.
constexpr size_t kMaxChunkBytes = size_t{32} << 20;

Context make_context(int flags) {
  Context context(spng_ctx_new(flags), spng_ctx_free);
  if (!context) throw std::bad_alloc();
  return context;
}

/// Makes a tEXt chunk that refers to the caller's `text`.
spng_text text_chunk(const std::string& keyword, std::string& text) {
  spng_text chunk{};
  keyword.copy(chunk.keyword, sizeof(chunk.keyword) - 1);
  chunk.type = SPNG_TEXT;
  chunk.length = text.size();
  chunk.text = text.data();
  return chunk;
}

[[noreturn]] void throw_status(const Source& source, int status) {
  if (status == SPNG_EMEM) throw std::bad_alloc();
  throw_broken(source, "PNG", spng_strerror(status));
}

void check(const Source& source, int status) {
  if (status != SPNG_OK) throw_status(source, status);
}

/// Returns whether a chunk is there, by the status of its getter.
bool is_there(const Source& source, int status) {
  if (status == SPNG_ECHUNKAVAIL) return false;
  check(source, status);
  return true;
}

/// Reads cICP, which spng does not know: code points of primaries and transfer, a matrix, a range.
std::optional<ColourSpace> coded_space(const Source& source, spng_ctx* context) {
  uint32_t count = 0;
  if (!is_there(source, spng_get_unknown_chunks(context, nullptr, &count))) return {};
  std::vector<spng_unknown_chunk> chunks(count);
  check(source, spng_get_unknown_chunks(context, chunks.data(), &count));
  for (const spng_unknown_chunk& chunk : chunks) {
    const auto* body = static_cast<const uint8_t*>(chunk.data);
    if (std::memcmp(chunk.type, "cICP", 4) == 0 && chunk.length == 4)
      return space_of_code_points(body[0], body[1]);
  }
  return {};
}

/// The colour space by the chunk that comes first in the order of PNG's third edition, 4.3: cICP, iCCP, sRGB,
/// cHRM and gAMA.
ColourSpace stored_space(const Source& source, spng_ctx* context) {
  if (const auto space = coded_space(source, context)) return *space;
  ColourSpace space;
  spng_iccp profile{};
  if (is_there(source, spng_get_iccp(context, &profile))) {
    const auto* first = reinterpret_cast<const std::byte*>(profile.profile);
    space.profile.assign(first, first + profile.profile_len);
    return space;
  }
  uint8_t intent = 0;
  if (is_there(source, spng_get_srgb(context, &intent))) return space;
  spng_chrm c{};
  const bool has_primaries = is_there(source, spng_get_chrm(context, &c));
  if (has_primaries) {
    space.primaries = {c.red_x,  c.red_y,  c.green_x,       c.green_y,
                       c.blue_x, c.blue_y, c.white_point_x, c.white_point_y};
  }
  double gamma = 0;
  if (!is_there(source, spng_get_gama(context, &gamma)) || gamma <= 0) return space;
  // sRGB's curve has always been written as 1 / 2.2, and other primaries are not sRGB's.
  constexpr double kOfSrgb = 0.45455;
  const bool is_srgb = std::abs(gamma - kOfSrgb) < 0.005 && has_srgb_primaries(space);
  if (!is_srgb) {
    space.transfer = Transfer::kGamma;
    space.gamma = 1 / gamma;
  }
  return space;
}

/// Converts rows as spng gives them to rows of the layout: grey comes as three equal channels, and 16 bits
/// always with alpha.
template <typename Sample>
void add_row(PictureRows& rows, const Sample* samples, int stride, const PixelLayout& layout, size_t width) {
  constexpr auto kWhite = static_cast<float>(std::numeric_limits<Sample>::max());
  float* to = rows.row();
  for (size_t x = 0; x < width; ++x, samples += stride) {
    for (int c = 0; c < static_cast<int>(layout.channels); ++c)
      *to++ = static_cast<float>(samples[c]) / kWhite;
    if (layout.has_alpha) *to++ = static_cast<float>(samples[3]) / kWhite;
  }
  rows.add_row();
}

/// The picture's rows, decoded from the top.
class PngRows {
 public:
  PngRows(const Source& source, spng_ctx* context, const spng_ihdr& header, int format)
      : source_(source), context_(context) {
    size_t bytes = 0;
    check(source, spng_decoded_image_size(context, format, &bytes));
    check(source, spng_decode_image(context, nullptr, 0, format, SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE));
    row_bytes_ = bytes / header.height;
    if (header.interlace_method == SPNG_INTERLACE_NONE) {
      row_.resize(row_bytes_);
    } else {
      reserved_ = reserve_whole(source, "an interlaced PNG", static_cast<double>(bytes));
      whole_.resize(bytes);
      decode_whole();
    }
  }

  const std::byte* next() {
    if (!whole_.empty()) return whole_.data() + row_bytes_ * y_++;
    const int status = spng_decode_row(context_, row_.data(), row_bytes_);
    if (status != SPNG_EOI) check(source_, status);
    return row_.data();
  }

 private:
  void decode_whole() {
    int status = SPNG_OK;
    while (status != SPNG_EOI) {
      source_.options.cancel.check();
      spng_row_info info{};
      check(source_, spng_get_row_info(context_, &info));
      status = spng_decode_row(context_, whole_.data() + info.row_num * row_bytes_, row_bytes_);
      if (status != SPNG_EOI) check(source_, status);
    }
  }

  const Source& source_;
  spng_ctx* context_;
  size_t row_bytes_ = 0, y_ = 0;
  std::vector<std::byte> row_, whole_;
  std::shared_ptr<void> reserved_;
};

}  // namespace

Image read_png(const Source& source) {
  const Context holder = make_context(0);
  spng_ctx* const context = holder.get();
  check(source, spng_set_chunk_limits(context, kMaxChunkBytes, kMaxChunkBytes));
  check(source, spng_set_crc_action(context, SPNG_CRC_ERROR, SPNG_CRC_DISCARD));
  check(source, spng_set_option(context, SPNG_KEEP_UNKNOWN_CHUNKS, 1));
  check(source, spng_set_png_buffer(context, source.bytes.data(), source.bytes.size()));

  spng_ihdr header{};
  check(source, spng_get_ihdr(context, &header));
  check_size(source, header.width, header.height);
  spng_trns transparency{};
  const bool has_alpha = is_there(source, spng_get_trns(context, &transparency)) ||
                         header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                         header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
  const bool is_grey =
      header.color_type == SPNG_COLOR_TYPE_GRAYSCALE || header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
  const PixelLayout layout{.channels = is_grey ? Channels::kGrey : Channels::kRgb, .has_alpha = has_alpha};
  const bool is_wide = header.bit_depth == 16;
  const int format = is_wide ? SPNG_FMT_RGBA16 : has_alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8;

  PngRows decoded(source, context, header, format);
  PictureRows rows(source, static_cast<int>(header.width), static_cast<int>(header.height), layout);
  for (uint32_t y = 0; y < header.height; ++y) {
    const std::byte* row = decoded.next();
    if (is_wide) {
      add_row(rows, reinterpret_cast<const uint16_t*>(row), 4, layout, header.width);
    } else {
      add_row(rows, reinterpret_cast<const uint8_t*>(row), has_alpha ? 4 : 3, layout, header.width);
    }
  }
  check(source,
        spng_decode_chunks(
            context));  // reads the rest up to IEND, because a file that is cut off there is broken too

  spng_exif exif{};
  const bool has_exif = is_there(source, spng_get_exif(context, &exif));
  const int orientation =
      has_exif ? read_exif({reinterpret_cast<const std::byte*>(exif.data), exif.length}).orientation : 1;
  return rows.finish(stored_space(source, context), orientation);
}

std::vector<std::byte> encode_png(const ByteImage& image, PngContent content, const Provenance& provenance) {
  const auto check = [](int status) {
    if (status == SPNG_EMEM) throw std::bad_alloc();
    if (status != SPNG_OK) {
      throw Error(ErrorCode::kInternal,
                  fmt::format("A PNG file could not be made: {}.", spng_strerror(status)));
    }
  };
  const Context context = make_context(SPNG_CTX_ENCODER);
  spng_ihdr header{};
  header.width = static_cast<uint32_t>(image.width);
  header.height = static_cast<uint32_t>(image.height);
  header.bit_depth = 8;
  header.color_type = image.channels == 1   ? SPNG_COLOR_TYPE_GRAYSCALE
                      : image.channels == 3 ? SPNG_COLOR_TYPE_TRUECOLOR
                                            : SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
  check(spng_set_ihdr(context.get(), &header));
  constexpr uint8_t kPerceptual = 0;
  if (content == PngContent::kColour) check(spng_set_srgb(context.get(), kPerceptual));
  std::string software = kGenerator + provenance.version, checksum = provenance.checksum;
  std::array<spng_text, 2> texts{text_chunk("Software", software), text_chunk(kChecksumKey, checksum)};
  if (!checksum.empty()) check(spng_set_text(context.get(), texts.data(), texts.size()));
  check(spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1));
  // A quarter of the time of zlib's default for files that are 4 % larger (textures and contact sheets of
  // photographs); other filters hardly help them.
  constexpr int kLevel = 4;
  check(spng_set_option(context.get(), SPNG_IMG_COMPRESSION_LEVEL, kLevel));
  check(spng_set_option(context.get(), SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_PAETH));
  check(spng_encode_image(context.get(), image.pixels.data(), image.pixels.size(), SPNG_FMT_PNG,
                          SPNG_ENCODE_FINALIZE));

  size_t size = 0;
  int status = SPNG_OK;
  const std::unique_ptr<void, decltype(&std::free)> buffer(spng_get_png_buffer(context.get(), &size, &status),
                                                           std::free);
  check(status);
  const auto* first = static_cast<const std::byte*>(buffer.get());
  return {first, first + size};
}

}  // namespace relievo::files

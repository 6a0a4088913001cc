#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include <fmt/format.h>
#include <spng.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/source_mark.h"

namespace relievo::files {
namespace {

using Context = std::unique_ptr<spng_ctx, decltype(&spng_ctx_free)>;

// Text, profiles and other chunks beside the picture: enough for any honest file, and no decompression bomb.
constexpr size_t kMaxChunkBytes = size_t{64} << 20;

Context make_context(int flags) {
  Context context(spng_ctx_new(flags), spng_ctx_free);
  if (!context) throw std::bad_alloc();
  return context;
}

/// A tEXt chunk; `text` stays the caller's.
spng_text text_chunk(const std::string& keyword, std::string& text) {
  spng_text chunk{};
  keyword.copy(chunk.keyword, sizeof(chunk.keyword) - 1);
  chunk.type = SPNG_TEXT;
  chunk.length = text.size();
  chunk.text = text.data();
  return chunk;
}

}  // namespace

Image read_png(const Source& source) {
  const auto check = [&](int status) {
    if (status == SPNG_EMEM) throw std::bad_alloc();
    if (status != SPNG_OK) throw_broken(source, "PNG", spng_strerror(status));
  };
  const Context context = make_context(0);
  check(spng_set_chunk_limits(context.get(), kMaxChunkBytes, kMaxChunkBytes));
  check(spng_set_crc_action(context.get(), SPNG_CRC_ERROR, SPNG_CRC_DISCARD));
  check(spng_set_png_buffer(context.get(), source.bytes.data(), source.bytes.size()));

  spng_ihdr header{};
  check(spng_get_ihdr(context.get(), &header));
  check_size(source, header.width, header.height);
  const int width = static_cast<int>(header.width);
  const int height = static_cast<int>(header.height);

  spng_trns transparency{};
  const int transparency_status = spng_get_trns(context.get(), &transparency);
  if (transparency_status != SPNG_ECHUNKAVAIL) check(transparency_status);
  const bool has_alpha = transparency_status == SPNG_OK ||
                         header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                         header.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
  const int channels = has_alpha ? 4 : 3;

  // spng has no 16-bit format without alpha.
  const bool wide = header.bit_depth == 16;
  const int format = wide ? SPNG_FMT_RGBA16 : has_alpha ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8;
  size_t bytes = 0;
  check(spng_decoded_image_size(context.get(), format, &bytes));
  const auto decode = [&]<typename Sample>(std::vector<Sample> samples, int stride, float white) {
    check(spng_decode_image(context.get(), samples.data(), bytes, format, SPNG_DECODE_TRNS));
    check(spng_decode_chunks(context.get()));  // the rest up to IEND: a file cut short there is broken, too
    return image_from_samples(samples, stride, width, height, channels, white);
  };
  if (wide) return decode(std::vector<uint16_t>(bytes / 2), 4, 65535.0f);
  return decode(std::vector<uint8_t>(bytes), channels, 255.0f);
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

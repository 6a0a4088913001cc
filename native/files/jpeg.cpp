#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it first
#include <cstdlib>
#include <utility>

#include <jerror.h>
#include <jpeglib.h>

#include "files/formats.h"

namespace relievo::files {
namespace {

constexpr int kQuality = 95;
constexpr int kExifMarker = JPEG_APP0 + 1;

/// libjpeg's error handler, which must not return to it: it jumps back into run().
struct Errors : jpeg_error_mgr {
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = static_cast<Errors*>(info->err);
  errors->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

/// libjpeg fills a damaged or missing part with grey and only warns; here that is an error. Other oddities
/// are harmless.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace
  switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_JPEG_EOF:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_MUST_RESYNC:
      on_error(info);
    default:
      break;
  }
}

jpeg_error_mgr* prepare(Errors& errors) {
  jpeg_std_error(&errors);
  errors.error_exit = on_error;
  errors.emit_message = on_message;
  return &errors;
}

/// Makes calls to libjpeg; false, with errors.message, when one of them fails. `calls` holds nothing that has
/// a destructor, for a failing call jumps over it.
template <typename Calls>
bool run(Errors& errors, const Calls& calls) {
  if (setjmp(errors.jump) != 0) return false;
  calls();
  return true;
}

struct Decoder {
  Errors errors{};
  jpeg_decompress_struct info{};
  Decoder() { info.err = prepare(errors); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info); }
};

struct Encoder {
  Errors errors{};
  jpeg_compress_struct info{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): libjpeg's type
  Encoder() { info.err = prepare(errors); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
};

int stored_orientation(const jpeg_decompress_struct& info) {
  constexpr std::string_view kExifHeader("Exif\0\0", 6);
  for (const jpeg_marker_struct* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::byte> segment(reinterpret_cast<const std::byte*>(marker->data),
                                             marker->data_length);
    const std::string_view text(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (marker->marker == kExifMarker && text.starts_with(kExifHeader)) return exif_orientation(segment);
  }
  return 1;
}

/// Cyan, magenta, yellow, black to red, green, blue. Adobe's programs store the inks inverted and say so by a
/// marker.
ByteImage rgb_from_cmyk(const ByteImage& cmyk, bool inverted) {
  ByteImage rgb(cmyk.width, cmyk.height, 3);
  for (size_t i = 0; i < rgb.pixels.size() / 3; ++i) {
    const uint8_t* ink = &cmyk.pixels[i * 4];
    const auto light = [&](int c) { return inverted ? ink[c] : 255 - ink[c]; };
    for (int c = 0; c < 3; ++c)
      rgb.pixels[i * 3 + c] = static_cast<uint8_t>((light(c) * light(3) + 127) / 255);
  }
  return rgb;
}

}  // namespace

Image read_jpeg(const Source& source) {
  Decoder decoder;
  jpeg_decompress_struct& info = decoder.info;
  const auto require = [&](bool fine) {
    if (!fine) throw_broken(source, "JPEG", decoder.errors.message);
  };
  require(run(decoder.errors, [&] {
    jpeg_create_decompress(&info);
    jpeg_save_markers(&info, kExifMarker, 0xffff);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(source.bytes.data()), source.bytes.size());
    jpeg_read_header(&info, TRUE);
  }));
  check_size(source, info.image_width, info.image_height);
  const int orientation = stored_orientation(info);  // the markers go with the end of decompression

  const bool has_inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = has_inks ? JCS_CMYK : JCS_RGB;
  ByteImage stored(static_cast<int>(info.image_width), static_cast<int>(info.image_height), has_inks ? 4 : 3);
  require(run(decoder.errors, [&] {
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = stored.pixel(0, static_cast<int>(info.output_scanline));
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
  }));
  if (has_inks) stored = rgb_from_cmyk(stored, info.saw_Adobe_marker);
  return from_bytes(turned_upright(std::move(stored), orientation));
}

std::vector<std::byte> encode_jpeg(const ByteImage& image) {
  Encoder encoder;
  jpeg_compress_struct& info = encoder.info;
  const bool fine = run(encoder.errors, [&] {
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &encoder.bytes, &encoder.size);
    info.image_width = static_cast<JDIMENSION>(image.width);
    info.image_height = static_cast<JDIMENSION>(image.height);
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, kQuality, TRUE);
    // Colour at full resolution.
    info.comp_info[0].h_samp_factor = 1;
    info.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
      auto* row = const_cast<JSAMPROW>(image.pixel(0, static_cast<int>(info.next_scanline)));
      jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
  });
  if (!fine) throw_does_not_fit(image.width, image.height, "JPEG", encoder.errors.message);
  const auto* first = reinterpret_cast<const std::byte*>(encoder.bytes);
  return {first, first + encoder.size};
}

}  // namespace relievo::files

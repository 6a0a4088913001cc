#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it first
#include <cstdlib>
#include <memory>
#include <vector>

#include <jerror.h>
#include <jpeglib.h>

#include "files/formats.h"
#include "files/picture_rows.h"

namespace relievo::files {
namespace {

constexpr int kQuality = 95;
constexpr int kExifMarker = JPEG_APP0 + 1;
constexpr int kProfileMarker = JPEG_APP0 + 2;
/// The most scans that are accepted. An honest progressive file has some ten; each costs a walk over the
/// whole picture, though it may take only a few bytes of the file (libjpeg-turbo's tools have -maxscans
/// against that).
constexpr int kMaxScans = 100;
/// The most segments of metadata that are accepted. The longest honest ones, of a panorama's depth or a
/// profile, are some hundred; libjpeg walks over all that it has kept at each further one.
constexpr int kMaxSegments = 10'000;

/// libjpeg's error handler, which must not return to it: it jumps back into run().
struct Errors : jpeg_error_mgr {
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
  int segments = 0;
};

[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = static_cast<Errors*>(info->err);
  errors->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

/// Is called for libjpeg's messages. libjpeg fills a damaged or missing part with grey and only warns, which
/// is an error here. Other oddities are harmless.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) {  // level 0 and above are traces, of which there is one for each segment
    auto* errors = static_cast<Errors*>(info->err);
    if (errors->msg_code != JTRC_MISC_MARKER || ++errors->segments <= kMaxSegments) return;
    std::snprintf(errors->message, sizeof errors->message, "it has more than %d segments", kMaxSegments);
    std::longjmp(errors->jump, 1);
  }
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

/// Makes calls to libjpeg; returns false, with errors.message, when one of them fails. `calls` must hold
/// nothing that has a destructor, because a failing call jumps over it.
template <typename Calls>
bool run(Errors& errors, const Calls& calls) {
  if (setjmp(errors.jump) != 0) return false;
  calls();
  return true;
}

/// Called by libjpeg for every row of blocks of every scan.
struct Monitor : jpeg_progress_mgr {
  const CancelToken* cancel = nullptr;
};

void on_progress(j_common_ptr info) {
  auto* errors = static_cast<Errors*>(info->err);
  const auto* monitor = static_cast<const Monitor*>(info->progress);
  if (monitor->cancel->cancelled()) std::longjmp(errors->jump, 1);
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
    std::snprintf(errors->message, sizeof errors->message, "it has more than %d scans", kMaxScans);
    std::longjmp(errors->jump, 1);
  }
}

struct Decoder {
  Errors errors{};
  Monitor monitor{};
  jpeg_decompress_struct info{};
  explicit Decoder(const CancelToken& cancel) {
    info.err = prepare(errors);
    monitor.progress_monitor = on_progress;
    monitor.cancel = &cancel;
  }
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

Exif stored_exif(const jpeg_decompress_struct& info) {
  constexpr std::string_view kExifHeader("Exif\0\0", 6);
  for (const jpeg_marker_struct* marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const std::span<const std::byte> segment(reinterpret_cast<const std::byte*>(marker->data),
                                             marker->data_length);
    const std::string_view text(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (marker->marker == kExifMarker && text.starts_with(kExifHeader)) return read_exif(segment);
  }
  return {};
}

ColourSpace stored_space(Decoder& decoder, const Exif& exif) {
  JOCTET* data = nullptr;
  unsigned size = 0;
  const bool fine = run(decoder.errors, [&] { jpeg_read_icc_profile(&decoder.info, &data, &size); });
  const std::unique_ptr<JOCTET, decltype(&std::free)> owner(data, std::free);
  ColourSpace space;
  if (exif.is_adobe_rgb) space = adobe_rgb();
  if (fine && data != nullptr) {
    const auto* first = reinterpret_cast<const std::byte*>(data);
    space.profile.assign(first, first + size);
  }
  return space;
}

/// The smallest size, in eighths, at which libjpeg decodes no less than what is kept.
unsigned eighths_of(const Source& source, const jpeg_decompress_struct& info) {
  const auto [width, height] = kept_size(source, info.image_width, info.image_height);
  unsigned eighths = 1;
  while (eighths < 8 &&
         (info.image_width * uint64_t{eighths} < uint64_t{8} * static_cast<unsigned>(width) ||
          info.image_height * uint64_t{eighths} < uint64_t{8} * static_cast<unsigned>(height))) {
    ++eighths;
  }
  return eighths;
}

/// The bytes that the decoder holds for a picture that comes in several scans.
double coefficient_bytes(const jpeg_decompress_struct& info) {
  double bytes = 0;
  for (int i = 0; i < info.num_components; ++i) {
    bytes += static_cast<double>(info.comp_info[i].width_in_blocks) * info.comp_info[i].height_in_blocks *
             sizeof(JBLOCK);
  }
  return bytes;
}

}  // namespace

Image read_jpeg(const Source& source) {
  Decoder decoder(source.options.cancel);
  jpeg_decompress_struct& info = decoder.info;
  const auto require = [&](bool fine) {
    if (fine) return;
    source.options.cancel.check();
    throw_broken(source, "JPEG", decoder.errors.message);
  };
  require(run(decoder.errors, [&] {
    jpeg_create_decompress(&info);
    info.progress = &decoder.monitor;
    jpeg_save_markers(&info, kExifMarker, 0xffff);
    jpeg_save_markers(&info, kProfileMarker, 0xffff);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(source.bytes.data()), source.bytes.size());
    jpeg_read_header(&info, TRUE);
  }));
  check_size(source, info.image_width, info.image_height);
  // The markers are freed when decompression ends.
  const Exif exif = stored_exif(info);
  const ColourSpace space = stored_space(decoder, exif);
  std::shared_ptr<void> reserved;
  if (jpeg_has_multiple_scans(&info) != 0) {
    reserved = reserve_whole(source, "a progressive JPEG", coefficient_bytes(info));
  }

  const bool has_inks = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  const bool is_grey = info.jpeg_color_space == JCS_GRAYSCALE;
  // Adobe's programs store inks inverted, and mark such files.
  const bool is_inverted = has_inks && info.saw_Adobe_marker != 0;
  info.out_color_space = has_inks ? JCS_CMYK : is_grey ? JCS_GRAYSCALE : JCS_RGB;
  info.scale_num = eighths_of(source, info);
  info.scale_denom = 8;
  require(run(decoder.errors, [&] { jpeg_start_decompress(&info); }));
  const PixelLayout layout{.channels = has_inks  ? Channels::kInks
                                       : is_grey ? Channels::kGrey
                                                 : Channels::kRgb};
  PictureRows rows(source, static_cast<int>(info.output_width), static_cast<int>(info.output_height), layout,
                   static_cast<int>(info.image_width), static_cast<int>(info.image_height));
  std::vector<JSAMPLE> samples(static_cast<size_t>(info.output_width) * static_cast<size_t>(layout.channels));
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = samples.data();
    require(run(decoder.errors, [&] { jpeg_read_scanlines(&info, &row, 1); }));
    if (is_inverted) {
      for (JSAMPLE& sample : samples) sample = static_cast<JSAMPLE>(MAXJSAMPLE - sample);
    }
    rows.add(samples.data(), MAXJSAMPLE);
  }
  require(run(decoder.errors, [&] { jpeg_finish_decompress(&info); }));
  return rows.finish(space, exif.orientation);
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
    // Colour is stored at full resolution.
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

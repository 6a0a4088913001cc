#include <memory>
#include <new>

#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/picture_rows.h"
#include "files/webp_encoding.h"

namespace relievo::files {

namespace {

std::span<const std::byte> chunk_of(WebPDemuxer* file, const char* name) {
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(file, name, 1, &chunk) == 0) return {};
  const std::span<const std::byte> body(reinterpret_cast<const std::byte*>(chunk.chunk.bytes),
                                        chunk.chunk.size);
  WebPDemuxReleaseChunkIterator(&chunk);
  return body;  // a part of the file itself
}

}  // namespace

Image read_webp(const Source& source) {
  const WebPData data{reinterpret_cast<const uint8_t*>(source.bytes.data()), source.bytes.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> file(WebPDemux(&data), WebPDemuxDelete);
  WebPIterator frame;
  if (!file || WebPDemuxGetFrame(file.get(), 1, &frame) == 0) {
    throw_broken(source, "WebP", "its header is damaged or cut short");
  }
  const WebPData coded = frame.fragment;  // a part of the file itself
  if (frame.num_frames > 1) note_first_of_several(source, "an animation");
  WebPDemuxReleaseIterator(&frame);

  WebPDecoderConfig config;
  require_webp(WebPInitDecoderConfig(&config) != 0);
  if (WebPGetFeatures(coded.bytes, coded.size, &config.input) != VP8_STATUS_OK) {
    throw_broken(source, "WebP", "its header is damaged or cut short");
  }
  check_size(source, config.input.width, config.input.height);
  const bool has_alpha = config.input.has_alpha != 0;
  const int stride = has_alpha ? 4 : 3;
  const auto [width, height] = kept_size(source, config.input.width, config.input.height);
  // A picture that is coded without loss is decoded as a whole.
  constexpr int kLossless = 2;
  std::shared_ptr<void> reserved;
  if (config.input.format == kLossless || has_alpha) {
    reserved = reserve_whole(source, "a WebP", 4.0 * config.input.width * config.input.height);
  }
  ByteImage image(width, height, stride);
  config.options.use_scaling = width != config.input.width || height != config.input.height;
  config.options.scaled_width = width;
  config.options.scaled_height = height;
  config.output.colorspace = has_alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.pixels.data(), width * stride, image.pixels.size()};

  // It is decoded in parts, between which it can be cancelled.
  const std::unique_ptr<WebPIDecoder, decltype(&WebPIDelete)> decoder(WebPIDecode(nullptr, 0, &config),
                                                                      WebPIDelete);
  if (!decoder) throw std::bad_alloc();
  constexpr size_t kParts = 64;
  VP8StatusCode status = VP8_STATUS_SUSPENDED;
  for (size_t part = 1; part <= kParts && status == VP8_STATUS_SUSPENDED; ++part) {
    source.options.cancel.check();
    status = WebPIUpdate(decoder.get(), coded.bytes, coded.size * part / kParts);
  }
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != VP8_STATUS_OK) throw_broken(source, "WebP", "its data is damaged or cut short");

  PictureRows rows(source, width, height, {.channels = Channels::kRgb, .has_alpha = has_alpha},
                   config.input.width, config.input.height);
  for (int y = 0; y < height; ++y) rows.add(image.pixel(0, y), 255.0f);
  ColourSpace space;
  const std::span<const std::byte> profile = chunk_of(file.get(), "ICCP"),
                                   exif = chunk_of(file.get(), "EXIF");
  space.profile.assign(profile.begin(), profile.end());
  return rows.finish(space, exif.empty() ? 1 : read_exif(exif).orientation);
}

void require_webp(bool is_the_same_version) {
  if (is_the_same_version) return;
  throw Error(ErrorCode::kInternal, "The WebP library is of another version than Relievo was built for.");
}

std::vector<std::byte> encode_webp(const ByteImage& image, const WebPConfig& config) {
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    throw_does_not_fit(image.width, image.height, "WebP", "16383 a side is the most");
  }
  WebPPicture picture;
  require_webp(WebPPictureInit(&picture));
  picture.use_argb = 1;
  picture.width = image.width;
  picture.height = image.height;
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  const auto import = image.channels == 4 ? WebPPictureImportRGBA : WebPPictureImportRGB;
  const bool fine =
      import(&picture, image.pixels.data(), image.width * image.channels) && WebPEncode(&config, &picture);
  const auto* first = reinterpret_cast<const std::byte*>(writer.mem);
  std::vector<std::byte> bytes(first, first + writer.size);
  WebPPictureFree(&picture);
  WebPMemoryWriterClear(&writer);
  if (!fine) throw std::bad_alloc();  // nothing else can fail here
  return bytes;
}

std::vector<std::byte> encode_webp(const ByteImage& image) {
  WebPConfig config;
  require_webp(WebPConfigInit(&config));
  config.lossless = 1;
  config.exact = 1;  // keeps the colours under transparent pixels
  return encode_webp(image, config);
}

}  // namespace relievo::files

#include <new>

#include <fmt/format.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include "base/error.h"
#include "files/formats.h"

namespace relievo::files {

Image read_webp(const Source& source) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(source.bytes.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, source.bytes.size(), &features) != VP8_STATUS_OK) {
    throw_broken(source, "WebP", "its header is damaged or cut short");
  }
  check_size(source, features.width, features.height);
  if (features.has_animation) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("'{}' is an animation.", source.name),
                "Save one frame of it as a picture.");
  }
  ByteImage image(features.width, features.height, features.has_alpha ? 4 : 3);
  const auto decode = features.has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (!decode(bytes, source.bytes.size(), image.pixels.data(), image.pixels.size(),
              image.width * image.channels)) {
    throw_broken(source, "WebP", "its data is damaged or cut short");
  }
  return from_bytes(image);
}

std::vector<std::byte> encode_webp(const ByteImage& image) {
  WebPConfig config;
  WebPPicture picture;
  if (!WebPConfigInit(&config) || !WebPPictureInit(&picture)) {
    throw Error(ErrorCode::kInternal, "The WebP library is of another version than Relievo was built for.");
  }
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    throw_does_not_fit(image.width, image.height, "WebP", "16383 a side is the most");
  }
  config.lossless = 1;
  config.exact = 1;  // keep the colours under transparent pixels
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
  if (!fine) throw std::bad_alloc();  // all that is left to fail
  return bytes;
}

}  // namespace relievo::files

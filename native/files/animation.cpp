#include "files/animation.h"

#include <memory>
#include <new>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <webp/decode.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/source_mark.h"

namespace relievo {

std::vector<std::byte> encode_animation_frame(const ByteImage& image, float quality) {
  WebPConfig config;
  WebPPicture picture;
  if (!WebPConfigPreset(&config, WEBP_PRESET_PICTURE, quality) || !WebPPictureInit(&picture)) {
    throw Error(ErrorCode::kInternal, "The WebP library is of another version than Relievo was built for.");
  }
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    files::throw_does_not_fit(image.width, image.height, "WebP", "16383 a side is the most");
  }
  config.use_sharp_yuv = 1;
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

std::vector<std::byte> encode_animation(std::span<const std::vector<std::byte>> frames, int milliseconds,
                                        const Provenance& provenance) {
  constexpr int kRefer = 0;  // all that is pushed outlives the muxer
  const auto check = [](WebPMuxError status) {
    if (status == WEBP_MUX_MEMORY_ERROR) throw std::bad_alloc();
    if (status != WEBP_MUX_OK) throw Error(ErrorCode::kInternal, "An animation could not be put together.");
  };
  const std::unique_ptr<WebPMux, decltype(&WebPMuxDelete)> mux(WebPMuxNew(), WebPMuxDelete);
  if (!mux) throw std::bad_alloc();
  if (frames.empty()) throw Error(ErrorCode::kInternal, "An animation without frames.");
  int width = 0, height = 0;
  WebPGetInfo(reinterpret_cast<const uint8_t*>(frames.front().data()), frames.front().size(), &width,
              &height);
  for (const std::vector<std::byte>& frame : frames) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(frame.data());
    int frame_width = 0, frame_height = 0;
    if (!WebPGetInfo(bytes, frame.size(), &frame_width, &frame_height) || frame_width != width ||
        frame_height != height) {
      throw Error(ErrorCode::kInternal, "The frames of an animation differ in size.");
    }
    WebPMuxFrameInfo info{};
    info.bitstream = {bytes, frame.size()};
    info.duration = milliseconds;
    info.id = WEBP_CHUNK_ANMF;
    info.dispose_method = WEBP_MUX_DISPOSE_NONE;
    info.blend_method = WEBP_MUX_NO_BLEND;
    check(WebPMuxPushFrame(mux.get(), &info, kRefer));
  }
  constexpr WebPMuxAnimParams kForEver{0, 0};
  check(WebPMuxSetAnimationParams(mux.get(), &kForEver));
  check(WebPMuxSetCanvasSize(mux.get(), width, height));
  const std::string source = fmt::format("{}", fmt::join(provenance_lines(provenance), "\n"));
  if (!provenance.checksum.empty()) {
    // A chunk of our own, which players pass over (WebP container specification, "Unknown chunks").
    const WebPData text{reinterpret_cast<const uint8_t*>(source.data()), source.size()};
    check(WebPMuxSetChunk(mux.get(), "RLVO", &text, kRefer));
  }
  WebPData file{};
  check(WebPMuxAssemble(mux.get(), &file));
  const auto* first = reinterpret_cast<const std::byte*>(file.bytes);
  std::vector<std::byte> bytes(first, first + file.size);
  WebPDataClear(&file);
  return bytes;
}

}  // namespace relievo

#include "files/animation.h"

#include <memory>
#include <new>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <webp/decode.h>
#include <webp/mux.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/source_mark.h"
#include "files/webp_encoding.h"

namespace relievo {

std::vector<std::byte> encode_animation_frame(const ByteImage& image, float quality) {
  WebPConfig config;
  files::require_webp(WebPConfigPreset(&config, WEBP_PRESET_PICTURE, quality));
  config.use_sharp_yuv = 1;
  return files::encode_webp(image, config);
}

std::vector<std::byte> encode_animation(std::span<const std::vector<std::byte>> frames, int milliseconds,
                                        const Provenance& provenance) {
  constexpr int kRefer = 0;  // everything that is pushed outlives the muxer
  const auto check = [](WebPMuxError status) {
    if (status == WEBP_MUX_MEMORY_ERROR) throw std::bad_alloc();
    if (status != WEBP_MUX_OK)
      throw Error(ErrorCode::kInternal, "The frames of an animation could not be put together.");
  };
  const std::unique_ptr<WebPMux, decltype(&WebPMuxDelete)> mux(WebPMuxNew(), WebPMuxDelete);
  if (!mux) throw std::bad_alloc();
  if (frames.empty()) throw Error(ErrorCode::kInternal, "The animation has no frames.");
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
    // This is a chunk of our own, which players skip (WebP container specification, "Unknown chunks").
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

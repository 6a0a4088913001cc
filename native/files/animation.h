// Writes animated WebP.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

/// Encodes one picture (3 or 4 channels) as a lossy WebP, `quality` 0..100; alpha is kept exactly. Frames are
/// encoded one by one so that several threads can do it. Throws Error{kInvalidSettings} beyond 16383 pixels a
/// side.
std::vector<std::byte> encode_animation_frame(const ByteImage& image, float quality = 88);

/// Joins frames of one size into an animation that repeats for ever, each shown for `milliseconds`. Every
/// frame is complete, so a player can start anywhere. The file says what it was made of, where that is known
/// (files/source_mark.h). Throws Error{kInternal} where there are no frames or they do not fit together.
std::vector<std::byte> encode_animation(std::span<const std::vector<std::byte>> frames, int milliseconds,
                                        const Provenance& provenance = {});

}  // namespace relievo

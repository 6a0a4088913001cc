// Renders the mesh seen all around.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "render/layers_file.h"
#include "render/render.h"

namespace relievo {

struct TurntableSettings {
  int frames = 36;  ///< 1..3600; the first shows the front, the last ends one step before it
  int side = 512;   ///< pixels, 16..8192
  double elevation_degrees = 12;
  int samples = 9;
  enum class Frames {
    kNone,  ///< the animation alone
    kPng,   ///< 8 bit with alpha
    kExr,   ///< every layer (layers_file.h)
  } format = Frames::kPng;
  bool animation = true;  ///< an animated WebP on a quiet background, with a shadow
  int frames_per_second = 24;
  ExrPrecision precision = ExrPrecision::kHalf;
};

/// Writes `folder/name_turntable.webp` and `folder/name_turntable/name_0001.png` (or .exr), ... and returns
/// all files, the animation first. The mesh is taken as it is; frames are rendered side by side on the
/// threads of parallel_for. When it is cancelled or fails, it leaves no new file; all appear at the end, each
/// of them whole. Throws Error{kInvalidSettings}, Error{kIo}, Error{kCancelled}.
std::vector<std::filesystem::path> write_turntable(const std::filesystem::path& folder,
                                                   const std::string& name, const Renderer& renderer,
                                                   const TurntableSettings& settings = {},
                                                   const Control& control = {});

}  // namespace relievo

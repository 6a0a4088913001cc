// A render as one OpenEXR file of several layers.
#pragma once

#include <filesystem>
#include <string>

#include "render/render.h"

namespace relievo {

/// The number format of colours and directions; depth and position are 32-bit floats in either case.
enum class ExrPrecision { kHalf, kFloat };

/// Writes
///   R G B A                 colour: lit, linear, multiplied by alpha, as OpenEXR has it
///   albedo.R .G .B .A       unlit, in the same way
///   depth.Z                 metres along the viewing axis; 1e10 where there is nothing
///   normal.X .Y .Z          scene axes, unit length; 0 where there is nothing
///   position.X .Y .Z        scene axes, metres
/// A viewer that knows no layers shows the colour; Blender's compositor offers Combined, albedo, depth,
/// normal and position; for Nuke `depth` is its own depth layer. Whole or not at all. Throws Error{kIo}.
void write_layers(const std::filesystem::path& path, const Layers& layers,
                  ExrPrecision precision = ExrPrecision::kHalf, const Provenance& provenance = {});

}  // namespace relievo

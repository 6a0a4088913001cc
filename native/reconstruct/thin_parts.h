// Finds the parts of a mask that are too thin for a grid.
#pragma once

#include <vector>

#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

/// Points on the centre lines of those parts of a square mask (inside from 0.5 on) whose half width is less
/// than `radius`: stems, wires, spikes of less than about 40 degrees; not the corners of thick parts, nor
/// specks smaller than the radius. They lie in the picture's square -1..1, (right, down), about a pixel of a
/// 1024 picture apart.
std::vector<Float2> thin_centre_lines(const Mask& mask, float radius);

}  // namespace relievo

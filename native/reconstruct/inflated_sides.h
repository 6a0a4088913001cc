// Turns pictures of several sides into a field: the embedded model `preview` with more than one picture.
#pragma once

#include <memory>
#include <vector>

#include "base/side.h"
#include "nn/execution.h"
#include "nn/field.h"
#include "reconstruct/inflated_mask.h"

namespace relievo {

/// Makes the shape that the outlines of aligned pictures allow, on the CPU. It lies inside all of them and
/// reaches each of them; in between, where no picture tells, its sections are round: those of two outlines,
/// across the axis that they share, are where 1 - deficit - deficit >= 0 (section_profile.h), so that two
/// equal discs become a ball. With front, side and top, the top tells how round the sections are. The outline
/// of a back or left picture counts where there is none of the opposite side, whose mirror image it is. With
/// front and back alone the shape is that of inflate(), whose errors this throws too; `settings.depth` has no
/// meaning otherwise. Parts that are thinner than `settings.thinnest` are
/// that wide where the shape is meshed, and as thin as their picture has them where the mesh is settled
/// (Field::settled). Colours are those of the picture of the front, or else of the mirrored back. Throws
/// Error{kInvalidSettings} for neither front nor back, Error{kEmptySurface} for outlines that contradict each
/// other wholly.
std::unique_ptr<Field> inflate_sides(const std::vector<SidePicture>& sides, const InflationSettings& settings,
                                     const Execution& execution);

/// A picture and its mirror image: its left is the right.
Image mirrored(const Image& picture);

}  // namespace relievo

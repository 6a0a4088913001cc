// One picture that shows a whole result at a glance.
#pragma once

#include <filesystem>

#include "base/control.h"
#include "base/image.h"
#include "render/render.h"

namespace relievo {

inline constexpr int kSheetCell = 400;

/// Renders six views of the mesh in two rows of three (front, right, back above; left, front right from
/// above, back left from above below), each `cell` pixels a side, with a thin gap between; where `input` (the
/// cut-out picture, RGB or RGBA) is not empty, it stands to their left, two cells high. The result is sRGB of
/// 3 channels. Throws Error{kInvalidSettings} for cells not within 16..4096 pixels; Error{kCancelled}.
ByteImage contact_sheet(const Renderer& renderer, const Image& input = {}, int cell = kSheetCell,
                        const Control& control = {});

/// Writes the sheet as a PNG file that says what it was made of (files/source_mark.h).
void write_contact_sheet(const std::filesystem::path& path, const Renderer& renderer, const Image& input = {},
                         int cell = kSheetCell, const Control& control = {});

}  // namespace relievo

// Cuts a turnaround sheet: several figures beside one another on a plain ground.
#pragma once

#include <optional>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "foreground/foreground.h"
#include "foreground/islands.h"

namespace relievo {

/// What stands out from a plain ground, `[H, W]`: 1 for all that cannot be reached from the border over the
/// ground's colour, so that a white shirt on white paper is subject within its drawn outline. Throws
/// Error{kNoSubject} where the border is of many colours, Error{kCancelled}.
Mask mask_on_plain_ground(const Image& picture, const CancelToken& cancel);

/// A figure: equally large parts of the sheet, so that all keep their proportion.
struct SheetFigure {
  Image picture;
  Mask mask;  ///< of this figure alone
  int side = 0;
  int x = 0, y = 0;  ///< of its left top corner in the sheet; may be negative
};

/// Returns `count` figures in reading order. The mask's values from the threshold on are inside. Parts that
/// lie above one another, or are much smaller than the largest figure and nearest to one, are one figure;
/// what has less than 3 % of the largest one's area (letters, rulers) is left out where it lies outside the
/// figures. Throws Error{kNoSubject} where there are more or fewer.
std::vector<SheetFigure> cut_sheet(const Image& picture, const Mask& mask, float threshold, int count);

/// A figure's subject, whose crop counts in pixels of the figure's square.
struct CutFigure {
  CutOut cut;
  int side = 0;
  int x = 0, y = 0;  ///< as SheetFigure's
};

/// Finds the mask of a sheet by the settings' source (given, the alpha channel, or else what stands out from
/// the plain ground), threshold and inversion, cuts the sheet and cuts out each figure's subject
/// (foreground.h). Throws what these do.
std::vector<CutFigure> cut_out_figures(const Image& picture, const ForegroundSettings& settings,
                                       const std::optional<Mask>& given, int count,
                                       const Execution& execution);

/// Returns the figures' boxes, however many there are.
std::vector<PixelBox> figures_of(const Mask& mask, float threshold);

}  // namespace relievo

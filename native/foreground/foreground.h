// Cuts the foreground out of an image: which pixels are the subject, and the square around it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/image.h"
#include "foreground/u2net.h"
#include "nn/execution.h"

namespace relievo {

enum class MaskSource {
  kAuto,   ///< the picture's alpha channel where it cuts something out (alpha.h), else the network
  kAlpha,  ///< the alpha channel; an error when there is none
  kGiven,  ///< a mask that the caller gives
};

struct ForegroundSettings {
  MaskSource source = MaskSource::kAuto;
  /// The mask's value that becomes the outline (alpha 0.5), between 0 and 1.
  float threshold = 0.5f;
  bool invert = false;  ///< swaps subject and background, wherever the mask comes from
  int side = 1024;      ///< side of the resulting square, in pixels
  /// Which of several separate subjects (figures_of() in sheet.h), from 1 on; 0 takes all of them.
  int subject = 0;
};

struct CutOut {
  Foreground foreground;
  /// Sentences that the person should know about the mask.
  std::vector<std::string> notes;
};

/// Finds the subject and crops it: islands of the mask under 1 % of the largest one's area do not decide the
/// crop. The mask takes the place of the picture's alpha; a network looks at the colours alone. Colours that
/// are multiplied by alpha are divided by it again, and the ground's colours are removed along an outline
/// that is not the picture's own. `given` is the mask for kGiven, of any size but of the picture's shape.
/// `network` is called for a mask where one has to be made; it may be null when the picture brings its own.
/// Throws Error{kNoSubject} when nothing reaches the threshold or
/// there are fewer subjects (for the network: when its raw map stays below
/// 0.5 everywhere, before the min-max stretch), Error{kInvalidImage} for an empty picture, values that are
/// not finite, a mask of another shape, or kAlpha without alpha, Error{kModelMissing} when a network is
/// needed and there is none.
CutOut cut_out(Image picture, const ForegroundSettings& settings, const std::optional<Mask>& given,
               U2Net* network, const Execution& execution);

/// Uses a picture as a mask: its alpha where that cuts something out, else its grey level.
Mask mask_from_picture(const Image& picture);

}  // namespace relievo

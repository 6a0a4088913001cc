// What is likely to disappoint in a picture, told before anything is computed of it.
#pragma once

#include <string>
#include <vector>

#include "base/image.h"

namespace relievo {

/// Sentences about a subject that was cut out of a picture of `width` x `height` pixels: that the picture's
/// frame cuts it off, that it is less than a tenth of the frame, that there are several subjects of about one
/// size beside one another. A picture that was trimmed to its subject, which then touches all of its borders,
/// is not cut off.
std::vector<std::string> warnings_of(const Foreground& cut, int width, int height);

/// Sentences about the subject's colours: that it is a flat drawing or pixel art, which inflation does not
/// suit; that it is so dark that little of it is seen.
std::vector<std::string> warnings_of_colours(const Foreground& cut);

}  // namespace relievo

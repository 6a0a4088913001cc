// Pictures of the sides of one object, which their names tell (base/side.h).
#pragma once

#include <vector>

#include "batch/list_pictures.h"

namespace relievo {

/// Makes one picture, the front, of those in a folder that show sides of one object: `cup_front.png` (or
/// `cup.png` where there is none) with `cup_back.png`, `cup_right.png` and so on, which become its views. An
/// object without a name (`front.png`, `back.png`) has that of its folder. Pictures stay apart where the
/// front is missing, where two are called the same side, or where their settings have no room for sides.
/// Returns the number of objects that have several.
size_t group_sides(std::vector<ListedPicture>& pictures);

}  // namespace relievo

// Objects of our own: solids put together by small grammars, with patterned and lettered surfaces.
#pragma once

#include "train/data/object.h"

namespace relievo {

/// The object of this number, always the same: `generated-00012`, a family such as `vehicle`, the project's
/// own licence.
Origin generated_origin(int number);
Object generate_object(int number);

}  // namespace relievo

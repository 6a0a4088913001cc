// Reads the items of a HEIF file (ISO 23008-12), as far as they must be known before it is decoded. Internal
// to files/.
#pragma once

#include <string>

#include "files/formats.h"

namespace relievo::files {

/// Throws Error{kInvalidImage} where a picture is derived from pictures that are themselves derived: such a
/// small file could ask for any amount of work, or refer to itself.
void check_heif_items(const Source& source);

}  // namespace relievo::files

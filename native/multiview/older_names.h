// Gives weight files of older releases the names of today.
#pragma once

#include "weights/tensor_file.h"

namespace relievo {

/// Renames the attention of an older VAE (`query`, `key`, `value`, `proj_attn`, also as 1x1 convolutions) and
/// drops the text and vision towers' `position_ids`, which hold no weights. Other files are returned
/// unchanged.
TensorFile with_present_names(TensorFile file);

}  // namespace relievo

// The sizes of the models with random weights (verify/random_models.h).
#pragma once

namespace relievo {

enum class ModelSize {
  kTiny,  ///< a megabyte, a second for a picture
  kFull,  ///< as published: 3.9 GB in bfloat16
};

}  // namespace relievo

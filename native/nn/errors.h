// Translates torch's exceptions into Relievo's.
#pragma once

#include "base/error.h"

namespace relievo {

/// Like current_error(), for code that calls torch: its out-of-memory exceptions, on a GPU and on the CPU,
/// become out_of_memory, other errors of the CUDA runtime device_lost. Where the message does not tell, the
/// GPU of the calling thread is asked whether it still answers.
Error current_torch_error();

}  // namespace relievo

// Records what a run allocates and frees, for the model of the caching allocator.
#pragma once

#include <vector>

#include "benchmarks/native/caching_model.h"

namespace relievo {

/// Records what threads with an account (runtime/torch/counting_allocator.h) allocate, and when it is freed
/// on whatever thread, until stop_recording(). The first call puts a recording allocator in front of torch's
/// CPU allocator, for the whole process and for good.
void start_recording();
std::vector<MemoryEvent> stop_recording();

}  // namespace relievo

// Measures how fast values go from one GPU to another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/machine/workers.h"

namespace relievo {

struct LinkSpeed {
  int from = 0, to = 0;  ///< indices of GPUs
  int64_t bytes = 0;
  double seconds = 0;
  std::string error = {};  ///< why there are no seconds: the GPU is lost, or its memory full
};

/// Copies 64 MiB a few times between every two GPUs of these workers, in both directions, one pair at a time,
/// and returns the quickest of each. Each worker's library must be open.
std::vector<LinkSpeed> measure_links(const std::vector<Worker>& workers);

}  // namespace relievo

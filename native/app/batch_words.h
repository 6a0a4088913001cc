// The words of `relievo batch`, for the command and for the Python package, which makes the pictures of some
// batches on other machines.
#pragma once

#include <string>
#include <vector>

#include "app/generate.h"
#include "batch/batch.h"

namespace relievo {

struct BatchWords {
  GenerateOptions generate;
  BatchRequest request;
  std::string until;   ///< a time of day (batch/until.h); empty: no end
  bool report = true;  ///< write the report at the end
  std::string ray;     ///< address of a Ray cluster; empty: this machine alone
};

/// Reads the words that follow `batch`. Throws Error{kInvalidSettings}.
BatchWords read_batch_words(const std::vector<std::string>& words);

}  // namespace relievo

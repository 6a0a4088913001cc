// `relievo-bench single`: one picture, from its file to the textured mesh, on several devices beside one.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "benchmarks/native/bench.h"

namespace relievo {

nlohmann::json bench_single(const BenchOptions& options);

/// The models of RELIEVO_MODELS or, where that is not set, random ones of the full size that are removed
/// again; the processes of a bench find them.
class BenchModels {
 public:
  BenchModels();
  ~BenchModels();
  BenchModels(const BenchModels&) = delete;
  BenchModels& operator=(const BenchModels&) = delete;

 private:
  std::filesystem::path made_;  // empty: none
};

}  // namespace relievo

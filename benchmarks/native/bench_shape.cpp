#include "benchmarks/native/bench_shape.h"

#include <cstdlib>
#include <string>

#include <ATen/Parallel.h>

#include "reconstruct/compact_file.h"
#include "train/learn/evaluate.h"

namespace relievo {
namespace {

using nlohmann::json;

std::string word_of(const char* variable) {
  const char* word = std::getenv(variable);
  return word ? word : "";
}

json score_json(const ShapeScore& score) {
  return {{"iou", score.overlap}, {"chamfer", score.chamfer}, {"f02", score.f02}, {"f05", score.f05}};
}

}  // namespace

json bench_shape(const BenchOptions& options) {
  return run_own_side("shape", {{"quick", options.quick}, {"threads", options.threads}});
}

json bench_shape_own_side(const json& arguments) {
  const bool is_quick = arguments.at("quick");
  const int threads = arguments.at("threads");
  if (threads > 0) at::set_num_threads(threads);
  Sources sources;
  if (const std::string folder = word_of("RELIEVO_SHAPE_OBJECTS"); !folder.empty())
    sources.infinigen = {folder};
  if (const std::string folder = word_of("RELIEVO_SHAPE_FURNITURE"); !folder.empty())
    sources.furniture = {folder};
  EvaluateOptions wanted{.per_family = is_quick ? 1 : 8};
  const std::string model = word_of("RELIEVO_SHAPE_MODEL");
  if (!model.empty()) wanted.network = load_compact(model);
  json rows = json::array();
  for (const Figures& f : figures_of(evaluate(list_objects(sources), wanted))) {
    rows.push_back({{"source", f.source},
                    {"part", f.part},
                    {"objects", f.objects},
                    {"families", f.families},
                    {"inflation", score_json(f.inflation)},
                    {"network", score_json(f.network)},
                    {"gain_f05", f.gain},
                    {"gain_f05_reach", f.gain_reach}});
  }
  return {{"name", "shape"},
          {"model", model.empty() ? "none" : model},
          {"full_size", !is_quick},
          {"figures", rows}};
}

}  // namespace relievo

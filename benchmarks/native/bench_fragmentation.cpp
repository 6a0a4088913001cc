// bench fragmentation: a recorded run, of the whole pipeline where its models are (RELIEVO_MODELS) and else
// of the reconstruction, replayed through a model of the caching allocator with and without the settings that
// the policies choose.
#include <cstdlib>

#include <ATen/ATen.h>

#include "base/parallel.h"
#include "benchmarks/native/bench_memory.h"
#include "benchmarks/native/bench_runtime.h"
#include "benchmarks/native/recording_allocator.h"
#include "nn/tensors.h"
#include "reconstruct/lrm.h"
#include "runtime/torch/counting_allocator.h"

namespace relievo {
namespace {

using nlohmann::json;

void fill_randomly(torch::nn::Module& module) {
  at::manual_seed(2);
  for (const auto& item : module.named_parameters())
    item.value().set_data(0.02 * at::randn(item.value().sizes()));
  for (const auto& item : module.named_buffers())
    item.value().set_data(0.02 * at::randn(item.value().sizes()));
}

/// The reconstruction with random weights, of pictures as they come: six views or four, and questions to the
/// field at coarse and fine grids.
void reconstruct_pictures(const json& arguments) {
  const at::NoGradGuard no_gradients;
  set_thread_account(std::make_shared<MemoryAccount>("bench"));
  {
    Lrm lrm(published_lrm(arguments.at("model")));
    fill_randomly(lrm);
    const std::vector<std::pair<int64_t, int>> pictures{{6, 64}, {4, 96}, {6, 48}, {4, 64}};
    for (int i = 0; i < arguments.at("pictures").get<int>(); ++i) {
      const auto [count, grid] = pictures[size_t(i) % pictures.size()];
      Views views;
      const int64_t side = arguments.at("side");
      views.pixels = at::rand({count, 3, side, side});
      views.cameras = at::rand({count, 16});
      const at::Tensor tokens = lrm.encode(views, {});
      const auto field = lrm.field(lrm.planes(tokens, {}));
      const at::Tensor points = at::rand({int64_t(grid) * grid * grid / 8, 3}) * 2 - 1;
      field->values(points);
      field->colours(points);
    }
  }
  set_thread_account(nullptr);
}

json report_of(const std::vector<MemoryEvent>& events, const CachingSettings& settings) {
  const CachingRun run = replay(events, settings);
  return {{"peak_reserved_bytes", run.peak_reserved},
          {"peak_allocated_bytes", run.peak_allocated},
          {"fragmentation", run.fragmentation},
          {"device_calls", run.device_calls},
          {"out_of_memory", run.out_of_memory}};
}

}  // namespace

json bench_fragmentation_own_side(const json& arguments) {
  if (const int threads = arguments.at("threads"); threads > 0) {
    at::set_num_threads(threads);
    set_parallel_threads(threads);
  }
  install_counting_allocator();
  start_recording();
  if (arguments.contains("settings")) {
    bench_engine_own_side(arguments);
  } else {
    reconstruct_pictures(arguments);
  }
  const auto events = stop_recording();
  const CachingRun endless = replay(events, {});
  CachingSettings plain, split, expandable;
  split.max_split_bytes = int64_t{128} << 20;
  split.garbage_collection = 0.6;
  expandable.expandable = true;
  // The garbage collection's threshold is a part of the device: one that the plain run just fills.
  split.capacity_bytes = endless.peak_reserved;
  return {{"events", events.size()},
          {"plain", report_of(events, plain)},
          {"max_split_size", report_of(events, split)},
          {"expandable_segments", report_of(events, expandable)}};
}

json bench_fragmentation(const BenchOptions& options) {
  json arguments = {{"threads", options.threads},
                    {"model", options.quick ? "instant-mesh-base" : "instant-mesh-large"},
                    {"side", options.quick ? 64 : 320},
                    {"pictures", options.quick ? 2 : 4}};
  const bool is_whole = !options.quick && std::getenv("RELIEVO_MODELS");
  if (is_whole) {
    arguments = engine_side("cpu", options.threads,
                            {{"model", "instant-mesh-large"}, {"steps", 1}, {"precision", "bf16"}}, 2);
    arguments["warm_up"] = 0;
  }
  const json run = run_own_side("fragmentation", arguments);
  const json &plain = run.at("plain"), &ours = run.at("expandable_segments");
  return {
      {"name", "fragmentation"},
      {"full_size", !options.quick},
      {"recorded", is_whole ? "two pictures, the whole pipeline, 1 step" : "the reconstruction"},
      {"dtype", is_whole ? "bfloat16" : "float32"},
      {"threads", options.threads > 0 ? options.threads : parallel_threads()},
      {"events", run.at("events")},
      {"ours_peak_bytes", ours.at("peak_reserved_bytes")},
      {"other_peak_bytes", plain.at("peak_reserved_bytes")},
      {"ratio", plain.at("peak_reserved_bytes").get<double>() / ours.at("peak_reserved_bytes").get<double>()},
      {"without_setting", plain},
      {"max_split_size", run.at("max_split_size")},
      {"expandable_segments", ours}};
}

}  // namespace relievo

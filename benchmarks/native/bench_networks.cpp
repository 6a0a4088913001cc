#include "benchmarks/native/bench_networks.h"

#include <cmath>
#include <ctime>
#include <fstream>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/resident_memory.h"
#include "multiview/unet.h"
#include "multiview/vae.h"
#include "reconstruct/lrm.h"
#include "runtime/torch/counting_allocator.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr int64_t kBlock = int64_t{1} << 20;
constexpr double kLongSeconds = 60;  // what takes so long is measured once

/// MurmurHash3's finalizer of 0, 1, 2, ..., in -0.5..0.5.
at::Tensor number_block() {
  at::Tensor block = at::empty({kBlock}, at::kFloat);
  float* numbers = block.data_ptr<float>();
  for (uint32_t i = 0; i < kBlock; ++i) {
    uint32_t x = i;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    numbers[i] = static_cast<float>(x / 4294967296.0 - 0.5);
  }
  return block;
}

/// Where in the block the numbers of this name begin.
int64_t place_of(const std::string& name) {
  uint32_t place = 2166136261u;  // FNV-1a
  for (const char c : name) place = (place ^ static_cast<uint8_t>(c)) * 16777619u;
  return place % kBlock;
}

/// benchmarks/baseline.py, values().
at::Tensor numbers_of(const std::string& name, at::IntArrayRef shape, const at::Tensor& block) {
  const at::Tensor rolled = at::roll(block, -place_of(name));
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return rolled.repeat({(count + kBlock - 1) / kBlock}).slice(0, 0, count).reshape(shape);
}

/// benchmarks/baseline.py, fill(). Returns the bytes of the weights.
int64_t fill(torch::nn::Module& network, const at::Tensor& block, at::ScalarType dtype) {
  int64_t bytes = 0;
  for (auto& item : network.named_parameters()) {
    at::Tensor& parameter = item.value();
    double factor = 0.2, shift = item.key().ends_with("weight") ? 1 : 0;
    if (parameter.dim() >= 2) {
      factor =
          std::sqrt(12 * static_cast<double>(parameter.size(0)) / static_cast<double>(parameter.numel()));
      shift = 0;
    }
    const at::Tensor numbers = at::roll(block, -place_of(item.key())).mul_(factor).add_(shift).to(dtype);
    const at::Tensor values = at::empty(parameter.sizes(), dtype);
    const at::Tensor flat = values.view(-1);
    for (int64_t at = 0; at < flat.numel(); at += kBlock) {
      const int64_t count = std::min(kBlock, flat.numel() - at);
      flat.narrow(0, at, count).copy_(numbers.narrow(0, 0, count));
    }
    parameter.set_data(values);
    bytes += parameter.numel() * parameter.element_size();
  }
  return bytes;
}

int64_t resident_bytes() {
  std::ifstream stream("/proc/self/statm");
  int64_t total = 0, resident = 0;
  stream >> total >> resident;
  return resident * 4096;
}

/// Of all threads: what a busy machine disturbs least.
double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

at::ScalarType dtype_of(const json& arguments) {
  return arguments.at("dtype") == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

/// Calls `prepare(block, dtype, weight_bytes)`, which returns what is to be timed.
template <typename Prepare>
json measure(const json& arguments, const Prepare& prepare) {
  const at::NoGradGuard no_grad;
  install_counting_allocator();
  const int threads = arguments.at("threads");
  if (threads > 0) {
    at::set_num_threads(threads);
    set_parallel_threads(threads);
  }
  const at::Tensor block = number_block();
  const int64_t before = resident_bytes();
  int64_t weights = 0;
  const std::function<at::Tensor()> run = prepare(block, dtype_of(arguments), weights);
  reset_peak_resident_bytes();
  double best = INFINITY, best_cpu = INFINITY;
  at::Tensor out;
  const int repeats = arguments.at("repeats");
  for (int repeat = 0; repeat <= repeats; ++repeat) {
    const auto start = Clock::now();
    const double cpu_start = cpu_seconds();
    out = run();
    const double seconds = seconds_since(start);
    if (repeat > 0 || repeats == 0 || seconds > kLongSeconds) {
      best = std::min(best, seconds);
      best_cpu = std::min(best_cpu, cpu_seconds() - cpu_start);
    }
    if (seconds > kLongSeconds) break;
  }
  const int64_t peak = peak_resident_bytes();
  const at::Tensor flat = out.to(at::kFloat).contiguous().flatten();
  const at::Tensor sample =
      flat.slice(0, 0, flat.numel(), std::max<int64_t>(1, flat.numel() / 4096)).contiguous();
  return {{"seconds", best},
          {"cpu_seconds", best_cpu},
          {"peak_bytes", peak - before - weights},
          {"vm_hwm_bytes", peak},
          {"weight_bytes", weights},
          {"sample", std::vector<float>(sample.const_data_ptr<float>(),
                                        sample.const_data_ptr<float>() + sample.numel())}};
}

/// Root of the mean squared difference, in parts of the other's standard deviation.
double relative_difference(const std::vector<double>& ours, const std::vector<double>& other) {
  if (ours.size() != other.size() || ours.empty()) return INFINITY;
  const auto count = static_cast<double>(ours.size());
  double mean = 0, variance = 0, squares = 0;
  for (const double value : other) mean += value / count;
  for (size_t i = 0; i < ours.size(); ++i) {
    variance += (other[i] - mean) * (other[i] - mean) / count;
    squares += (ours[i] - other[i]) * (ours[i] - other[i]) / count;
  }
  return std::sqrt(squares / variance);
}

/// Both sides in turn, twice; the better time of either.
json pair(const std::string& name, const json& arguments, double allowed) {
  constexpr int kRounds = 2;
  json ours, other;
  for (int round = 0; round < kRounds; ++round) {
    const json mine = run_own_side(name, arguments), theirs = run_baseline(name + ".py", arguments);
    const auto is_better = [&](const json& a, const json& b) {
      return round == 0 || a.at("seconds") < b.at("seconds");
    };
    if (is_better(mine, ours)) ours = mine;
    if (is_better(theirs, other)) other = theirs;
    if (theirs.at("seconds") > kLongSeconds) break;
  }
  const double difference =
      relative_difference(ours.at("sample").get<std::vector<double>>(), other.at("sample"));
  return {{"ours_s", ours.at("seconds")},
          {"other_s", other.at("seconds")},
          {"ratio", other.at("seconds").get<double>() / ours.at("seconds").get<double>()},
          {"ours_cpu_s", ours.at("cpu_seconds")},
          {"other_cpu_s", other.at("cpu_seconds")},
          {"ours_peak_bytes", ours.at("peak_bytes")},  // beyond the weights
          {"other_peak_bytes", other.at("peak_bytes")},
          {"vm_hwm_bytes", ours.at("vm_hwm_bytes")},
          {"weight_bytes", ours.at("weight_bytes")},
          {"relative_difference", difference},
          {"exact", difference < allowed}};
}

/// In bfloat16, with float32 beside it.
json report_of(const std::string& name, const BenchOptions& options, json arguments) {
  arguments["threads"] = options.threads;
  arguments["repeats"] = 2;
  arguments["dtype"] = "bfloat16";
  json report{{"name", name}};
  // Two bfloat16 runs that round at other places differ by about this; float32 ones hardly.
  report.update(pair(name, arguments, 0.1));
  report["dtype"] = "bfloat16";
  report["full_size"] = !options.quick;
  report["threads"] = options.threads > 0 ? options.threads : parallel_threads();
  arguments["dtype"] = "float32";
  arguments["repeats"] = 1;
  report["float32"] = pair(name, arguments, 1e-3);
  return report;
}

/// Keys are those of diffusers.
UnetConfig unet_of(const json& arguments) {
  return {.widths = arguments.at("block_out_channels"),
          .heads = arguments.at("attention_head_dim"),
          .prompt_width = arguments.at("cross_attention_dim"),
          .groups = arguments.at("groups")};
}

}  // namespace

json bench_step(const BenchOptions& options) {
  json arguments{{"block_out_channels", {320, 640, 1280, 1280}},
                 {"attention_head_dim", {5, 10, 20, 20}},
                 {"cross_attention_dim", 1024},
                 {"groups", 32},
                 {"height", 120},
                 {"width", 80},
                 {"reference", 40},
                 {"timestep", 500}};
  if (options.quick) {
    arguments.update({{"block_out_channels", {64, 128, 128, 128}},
                      {"attention_head_dim", {1, 2, 2, 2}},
                      {"cross_attention_dim", 64},
                      {"height", 24},
                      {"width", 16},
                      {"reference", 8}});
  }
  return report_of("step", options, arguments);
}

json bench_step_own_side(const json& arguments) {
  return measure(arguments, [&](const at::Tensor& block, at::ScalarType dtype, int64_t& weights) {
    const auto unet = std::make_shared<Unet>(unet_of(arguments));
    weights = fill(*unet, block, dtype);
    const int64_t side = arguments.at("reference");
    const auto input = [&](const std::string& name, at::IntArrayRef shape) {
      return (numbers_of(name, shape, block) * 3.4).to(dtype);
    };
    const at::Tensor latents = input("latents", {1, 4, arguments.at("height"), arguments.at("width")});
    const at::Tensor reference = input("reference", {2, 4, side, side});
    const KeyValues prompt = unet->prompt(input("prompt", {2, 77, arguments.at("cross_attention_dim")}));
    const double timestep = arguments.at("timestep");
    return [=] {
      const auto halves =
          unet->forward(latents.expand({2, -1, -1, -1}), reference, timestep, prompt).chunk(2);
      return halves[0] + (halves[1] - halves[0]) * 4;
    };
  });
}

json bench_planes(const BenchOptions& options) {
  json arguments{{"width", 768},
                 {"heads", 12},
                 {"layers", 12},
                 {"stored", 14},
                 {"transformer_width", 1024},
                 {"transformer_heads", 16},
                 {"transformer_layers", 16},
                 {"low_resolution", 32},
                 {"channels", 80},
                 {"views", 6},
                 {"size", 320},
                 {"fused", false}};
  if (options.quick) {
    arguments.update({{"width", 64},
                      {"heads", 2},
                      {"layers", 2},
                      {"transformer_width", 128},
                      {"transformer_heads", 2},
                      {"transformer_layers", 2},
                      {"low_resolution", 8},
                      {"size", 64}});
  }
  json report = report_of("planes", options, arguments);
  arguments["fused"] = true;
  arguments["threads"] = options.threads;
  arguments["repeats"] = 2;
  arguments["dtype"] = "bfloat16";
  report["fused"] = pair("planes", arguments, 0.1);
  return report;
}

json bench_planes_own_side(const json& arguments) {
  return measure(arguments, [&](const at::Tensor& block, at::ScalarType dtype, int64_t& weights) {
    LrmConfig config = published_lrm("instant-mesh-large");
    const int64_t width = arguments.at("width"), stored = arguments.at("stored");
    config.encoder = {.width = width,
                      .heads = arguments.at("heads"),
                      .layers = arguments.at("layers"),
                      .mlp_width = 4 * width,
                      .patch = 16,
                      .image = 16 * stored};
    config.transformer.width = arguments.at("transformer_width");
    config.transformer.heads = arguments.at("transformer_heads");
    config.transformer.layers = arguments.at("transformer_layers");
    config.transformer.condition_width = width;
    config.transformer.low_resolution = arguments.at("low_resolution");
    config.transformer.high_resolution = 2 * config.transformer.low_resolution;
    config.transformer.channels = arguments.at("channels");
    const auto lrm = std::make_shared<Lrm>(config, 0, Lrm::blocks(config), PlanesHeads::kNo);
    weights = fill(*lrm, block, dtype);
    const int64_t count = arguments.at("views"), size = arguments.at("size");
    const at::Tensor pixels = (numbers_of("views", {count, 3, size, size}, block) + 0.5).to(dtype);
    const at::Tensor cameras = (numbers_of("cameras", {count, 16}, block) * 3.4).to(dtype);
    return [=] {
      PlanesWalk walk;
      walk.encoder.pixels = pixels;
      walk.encoder.cameras = cameras;
      lrm->advance(walk);
      return walk.tokens[0];
    };
  });
}

json bench_vae(const BenchOptions& options) {
  json arguments{
      {"block_out_channels", {128, 256, 512, 512}}, {"groups", 32}, {"height", 120}, {"width", 80}};
  if (options.quick) {
    arguments.update({{"block_out_channels", {32, 64, 64, 64}}, {"height", 24}, {"width", 16}});
  }
  return report_of("vae", options, arguments);
}

json bench_vae_own_side(const json& arguments) {
  return measure(arguments, [&](const at::Tensor& block, at::ScalarType dtype, int64_t& weights) {
    const auto vae = std::make_shared<Vae>(
        VaeConfig{.widths = arguments.at("block_out_channels"), .groups = arguments.at("groups")});
    weights = fill(*vae, block, dtype);
    const at::Tensor latents =
        (numbers_of("latents", {1, 4, arguments.at("height"), arguments.at("width")}, block) * 3.4).to(dtype);
    return [=] { return vae->decode(latents); };
  });
}

}  // namespace relievo

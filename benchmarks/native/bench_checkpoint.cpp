// bench checkpoint: transformer blocks of the large size, forward and backward, with and without gradient
// checkpointing.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "benchmarks/native/bench_memory.h"
#include "nn/layers.h"
#include "runtime/torch/counting_allocator.h"
#include "train/checkpoint.h"

namespace relievo {
namespace {

using nlohmann::json;

/// The triplane transformer's block: cross-attention to the views, self-attention, MLP.
struct Block {
  explicit Block(int64_t width, int64_t condition, int64_t head_count) : heads(head_count) {
    const auto weight = [](int64_t out, int64_t in) {
      return (0.02 * at::randn({out, in})).requires_grad_(true);
    };
    query = weight(width, width);
    key = weight(width, condition);
    value = weight(width, condition);
    cross_out = weight(width, width);
    qkv = weight(3 * width, width);
    self_out = weight(width, width);
    mlp_in = weight(4 * width, width);
    mlp_out = weight(width, 4 * width);
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& condition) const {
    const auto norm = [](const at::Tensor& t) { return at::layer_norm(t, {t.size(-1)}); };
    const at::Tensor a =
        x + at::linear(multi_head_attention(at::linear(norm(x), query), at::linear(condition, key),
                                            at::linear(condition, value), heads),
                       cross_out);
    const auto parts = at::linear(norm(a), qkv).chunk(3, -1);
    const at::Tensor b = a + at::linear(multi_head_attention(parts[0], parts[1], parts[2], heads), self_out);
    return b + at::linear(at::gelu(at::linear(norm(b), mlp_in)), mlp_out);
  }

  std::vector<at::Tensor> parameters() const {
    return {query, key, value, cross_out, qkv, self_out, mlp_in, mlp_out};
  }

  int64_t heads;
  at::Tensor query, key, value, cross_out, qkv, self_out, mlp_in, mlp_out;
};

}  // namespace

json bench_checkpoint_own_side(const json& arguments) {
  if (const int threads = arguments.at("threads"); threads > 0) at::set_num_threads(threads);
  install_counting_allocator();
  const auto account = std::make_shared<MemoryAccount>("bench");
  const int64_t width = arguments.at("width"), tokens = arguments.at("tokens");
  const int64_t condition_tokens = arguments.at("condition_tokens"), condition_width = 3 * width / 4;
  const bool checkpointed = arguments.at("checkpointed");
  at::manual_seed(3);
  std::vector<Block> blocks;
  for (int i = 0; i < arguments.at("blocks").get<int>(); ++i) blocks.emplace_back(width, condition_width, 16);
  const at::Tensor condition = at::randn({1, condition_tokens, condition_width});
  const at::Tensor leaf = at::randn({1, tokens, width}).requires_grad_(true);

  // Counted is what the pass adds: activations, and the gradients, which both ways need.
  set_thread_account(account);
  const auto start = Clock::now();
  at::Tensor x = leaf;
  for (const Block& block : blocks) {
    const auto body = [&block, &condition](const std::vector<at::Tensor>& in) {
      return block.forward(in[0], condition);
    };
    x = checkpointed ? checkpoint(std::function<at::Tensor(const std::vector<at::Tensor>&)>(body), {x})
                     : body({x});
  }
  const int64_t kept = account->used();
  torch::autograd::backward({x.square().mean()}, {});
  const double seconds = seconds_since(start);
  json sums = json::array();
  for (const Block& block : blocks) {
    for (const at::Tensor& parameter : block.parameters()) {
      sums.push_back(parameter.grad().to(at::kDouble).abs().sum().item<double>());
    }
  }
  sums.push_back(leaf.grad().to(at::kDouble).abs().sum().item<double>());
  json report{
      {"seconds", seconds}, {"peak_bytes", account->take_peak()}, {"kept_bytes", kept}, {"gradients", sums}};
  set_thread_account(nullptr);
  return report;
}

json bench_checkpoint(const BenchOptions& options) {
  json arguments{{"threads", options.threads},
                 {"blocks", 12},
                 {"width", options.quick ? 128 : 1024},
                 {"tokens", options.quick ? 192 : 3 * 32 * 32},
                 {"condition_tokens", options.quick ? 50 : 6 * 401},
                 {"checkpointed", false}};
  const json plain = run_own_side("checkpoint", arguments);
  arguments["checkpointed"] = true;
  const json ours = run_own_side("checkpoint", arguments);
  const double saved = 1 - ours.at("peak_bytes").get<double>() / plain.at("peak_bytes").get<double>();
  return {{"name", "checkpoint"},
          {"full_size", !options.quick},
          {"dtype", "float32"},
          {"threads", options.threads > 0 ? options.threads : parallel_threads()},
          {"tokens", arguments.at("tokens")},
          {"batch", 1},
          {"parameters",
           12 * 17 * arguments.at("width").get<int64_t>() * arguments.at("width").get<int64_t>() -
               12 * arguments.at("width").get<int64_t>() * arguments.at("width").get<int64_t>() / 2},
          {"ours_s", ours.at("seconds")},
          {"other_s", plain.at("seconds")},
          {"ratio", plain.at("seconds").get<double>() / ours.at("seconds").get<double>()},
          {"ours_peak_bytes", ours.at("peak_bytes")},
          {"other_peak_bytes", plain.at("peak_bytes")},
          {"ours_kept_bytes", ours.at("kept_bytes")},
          {"other_kept_bytes", plain.at("kept_bytes")},
          {"saved", saved},
          {"exact", ours.at("gradients") == plain.at("gradients")}};
}

}  // namespace relievo

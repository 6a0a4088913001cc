#include "train/learn/trainer.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <numbers>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <torch/csrc/autograd/autograd.h>

#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file_lock.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/refusals.h"
#include "train/data_parallel.h"
#include "train/learn/learner.h"
#include "train/learn/losses.h"
#include "train/learn/plot.h"
#include "train/learn/run_state.h"
#include "train/learn/sample_set.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

double learning_rate_at(const TrainConfig& config, int64_t step) {
  if (step <= config.warm_up) {
    return config.learning_rate * static_cast<double>(step) / static_cast<double>(config.warm_up);
  }
  const double share = static_cast<double>(step - config.warm_up) /
                       static_cast<double>(std::max<int64_t>(config.steps - config.warm_up, 1));
  return config.learning_rate * (1 + std::cos(std::numbers::pi * share)) / 2;
}

class Metrics {
 public:
  /// Forgets lines of steps that the checkpoint has not seen.
  Metrics(fs::path path, int64_t step) : path_(std::move(path)) {
    std::string kept;
    if (fs::exists(path_)) {
      std::istringstream lines(read_file(path_, uint64_t{1} << 30));
      for (std::string line; std::getline(lines, line);) {
        try {
          if (parse_json(line).at("step").get<int64_t>() <= step) kept += line + "\n";
        } catch (const std::exception&) {
          break;  // cut by a kill
        }
      }
    }
    write_atomically(path_, std::as_bytes(std::span(kept)));
  }

  void add(const json& line) {
    std::ofstream file(path_, std::ios::app);
    file << line.dump() << "\n" << std::flush;
    if (!file) {
      throw Error(ErrorCode::kIo, fmt::format("'{}' cannot be written.", path_.string()),
                  "Free some space on the disk; the run goes on from its checkpoint.");
    }
  }

 private:
  fs::path path_;
};

/// Adds objects to the list of those that a run has learnt from.
void list_origins(const fs::path& path, const std::vector<std::string>& origins) {
  std::set<std::string> lines(origins.begin(), origins.end());
  if (fs::exists(path)) {
    std::istringstream known(read_file(path, uint64_t{1} << 30));
    for (std::string line; std::getline(known, line);) lines.insert(line);
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  write_atomically(path, std::as_bytes(std::span(text)));
}

constexpr auto kParts = static_cast<int64_t>(Losses::kNames.size());

class Trainer {
 public:
  Trainer(const TrainConfig& config, const TrainOptions& options)
      : config_(config),
        options_(options),
        rank_(options.group ? options.group->rank() : 0),
        size_(options.group ? options.group->size() : 1),
        learner_(seeded_learner(config)),
        samples_(config.data, learner_->sees(), config.held_out_too, config.family_power, config.seed) {
    if (config.batch % (size_ * config.parts) != 0) {
      throw invalid_value("batch", std::to_string(config.batch),
                          fmt::format("Use a multiple of {}: {} processes times {} parts.",
                                      size_ * config.parts, size_, config.parts));
    }
    if (is_first()) {
      fs::create_directories(config.output);
      lock_.emplace(config.output / "run.lock", LockWords{fmt::format("The run '{}'", config.output.string()),
                                                          "Wait until that process is done."});
    }
    learner_->to(options.device);
    std::vector<at::Tensor> learning;
    for (const auto& [name, parameter] : learner_->parameters()) learning.push_back(parameter);
    flat_.emplace(std::move(learning), options.device);
    state_.window = at::zeros({kParts + 1}, at::kDouble);
    if (config.precision == Precision::kFloat16) state_.loss_scale.scale = LossScale::kFirst;
    if (is_first() && fs::exists(checkpoint_of(config.output))) state_.load(config.output, config, *flat_);
    if (options.group) share_state();
    if (is_first()) {
      metrics_.emplace(config.output / "metrics.jsonl", state_.step);
      list_origins(origins_of(config.output), samples_.origins());
    }
    if (options.group) parallel_.emplace(options.group, flat_->parameters());
  }

  int64_t run() {
    const int64_t begun_at = state_.step;
    const Clock::time_point start = Clock::now();
    while (state_.step < config_.steps) {
      if (options_.cancel.cancelled()) {
        save();
        options_.cancel.check();
      }
      const at::Tensor losses = one_step(state_.step + 1);
      ++state_.step;
      const double each = seconds_since(start) / static_cast<double>(state_.step - begun_at);
      const double rate = static_cast<double>(config_.batch) / each;
      if (state_.step % config_.log_every == 0 || state_.step == config_.steps) write_metrics(rate);
      if (state_.step % config_.save_every == 0 || state_.step == config_.steps) {
        gather_window();
        save();
      }
      if (options_.on_step) {
        options_.on_step({state_.step, config_.steps, losses[0].item<double>(),
                          losses[kParts - 1].item<double>(), rate,
                          each * static_cast<double>(config_.steps - state_.step)});
      }
    }
    return state_.step;
  }

 private:
  bool is_first() const { return rank_ == 0; }

  static std::unique_ptr<Learner> seeded_learner(const TrainConfig& config) {
    at::manual_seed(static_cast<uint64_t>(config.seed));
    return make_learner(config);
  }

  /// All go on from what the first process has read: the others need not see its folder.
  void share_state() {
    LossScale& scale = state_.loss_scale;
    const at::Tensor numbers =
        at::tensor({static_cast<double>(state_.step), scale.scale, static_cast<double>(scale.good_steps),
                    static_cast<double>(scale.skipped_steps)},
                   at::kDouble)
            .to(options_.device);
    options_.group->broadcast(
        {numbers, flat_->values, flat_->first_moment, flat_->second_moment, flat_->averaged});
    const at::Tensor told = numbers.cpu();
    const auto whole = [&](int64_t i) { return static_cast<int64_t>(told[i].item<double>()); };
    state_.step = whole(0);
    scale = {told[1].item<double>(), whole(2), whole(3)};
  }

  /// Returns the parts of this process's losses `[kParts]` in float64.
  at::Tensor one_step(int64_t step) {
    flat_->clear_gradients();
    const int64_t share = config_.batch / size_, part = share / config_.parts;
    at::Tensor sum = at::zeros({kParts}, at::kDouble);
    for (int64_t i = 0; i < config_.parts; ++i) {
      std::vector<int64_t> numbers;
      for (int64_t k = 0; k < part; ++k) {
        numbers.push_back((step - 1) * config_.batch + rank_ * share + i * part + k);
      }
      sum += pass(samples_.batch(numbers, config_.varied ? Varied::kYes : Varied::kNo).to(options_.device));
    }
    if (parallel_) parallel_->finish_backward();
    sum /= static_cast<double>(config_.parts);
    state_.window.slice(0, 0, kParts) += sum;
    state_.window[kParts] += 1;
    update(step);
    return sum;
  }

  /// Takes the optimiser's step with the gradients, which are the same in all processes.
  void update(int64_t step) {
    const double scale = state_.loss_scale.scale;
    norm_ = flat_->gradient_norm() / scale;
    if (!std::isfinite(norm_)) {
      if (config_.precision != Precision::kFloat16 || scale <= LossScale::kLeast) {
        throw Error(ErrorCode::kInvalidSettings, fmt::format("The loss is no number at step {}.", step),
                    "Lower the learning_rate and go on from the checkpoint in another folder.");
      }
    }
    if (config_.precision == Precision::kFloat16 && !state_.loss_scale.accept(std::isfinite(norm_))) return;
    const double cut = norm_ > config_.longest_gradient ? config_.longest_gradient / norm_ : 1;
    flat_->step({.learning_rate = learning_rate_at(config_, step),
                 .beta1 = config_.beta1,
                 .beta2 = config_.beta2,
                 .weight_decay = config_.weight_decay},
                step, cut / scale, config_.average);
  }

  at::Tensor pass(const SampleBatch& batch) {
    const Losses losses = learner_->losses(batch);
    const double factor = state_.loss_scale.scale / static_cast<double>(config_.parts);
    torch::autograd::backward({losses.total * factor}, {});
    return losses.parts();
  }

  /// All processes come here at the same step.
  void write_metrics(double rate) {
    at::Tensor sums = state_.window.to(at::kFloat).to(options_.device);
    if (options_.group) options_.group->sum(sums);
    sums = sums.cpu();
    const double count = sums[kParts].item<double>();
    state_.window.zero_();
    if (!is_first()) return;
    json line = {{"step", state_.step},
                 {"learning_rate", learning_rate_at(config_, state_.step)},
                 {"gradient_norm", norm_},
                 {"samples_per_second", rate}};
    if (config_.precision == Precision::kFloat16) {
      line["loss_scale"] = state_.loss_scale.scale;
      line["skipped_steps"] = state_.loss_scale.skipped_steps;
    }
    for (size_t i = 0; i < Losses::kNames.size(); ++i) {
      line[Losses::kNames[i]] = sums[static_cast<int64_t>(i)].item<double>() / count;
    }
    metrics_->add(line);
  }

  /// Brings the sums of all processes to the first one, whose checkpoint keeps them.
  void gather_window() {
    if (!options_.group) return;
    const at::Tensor sums = state_.window.to(options_.device, at::kFloat);
    options_.group->sum(sums);
    is_first() ? state_.window.copy_(sums) : state_.window.zero_();
  }

  void save() {
    if (!is_first()) return;
    state_.save(config_.output, config_, *flat_);
    write_plot(config_.output);
  }

  const TrainConfig& config_;
  const TrainOptions& options_;
  int rank_, size_;
  std::unique_ptr<Learner> learner_;
  SampleSet samples_;
  std::optional<FileLock> lock_;
  std::optional<FlatParameters> flat_;
  std::optional<DataParallel> parallel_;
  std::optional<Metrics> metrics_;
  RunState state_;
  double norm_ = 0;
};

}  // namespace

int64_t train(const TrainConfig& config, const TrainOptions& options) {
  return Trainer(config, options).run();
}

}  // namespace relievo

// A stage without networks: it adds its number to what it is given, takes bytes from an imaginary worker, and
// fails on demand.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "runtime/execute/execute.h"

namespace relievo {

/// Counts the bytes that workers hold, by name; throws when a budget is exceeded.
class ImaginaryMemory {
 private:
  template <typename Body>
  auto with_lock(const Body& body) {
    const std::lock_guard lock(mutex_);
    return body();
  }

 public:
  void take(const Worker& worker, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (++allocations_ == fail_at_ || used_[worker.name] + bytes > worker.budget_bytes) {
      ++refusals_;
      throw Error(ErrorCode::kOutOfMemory, "imaginary memory");
    }
    used_[worker.name] += bytes;
    peak_[worker.name] = std::max(peak_[worker.name], used_[worker.name]);
  }
  void give(const Worker& worker, int64_t bytes) {
    const std::lock_guard lock(mutex_);
    used_[worker.name] -= bytes;
  }
  int64_t used(const std::string& worker) {
    return with_lock([&] { return used_[worker]; });
  }
  int64_t peak(const std::string& worker) {
    return with_lock([&] { return peak_[worker]; });
  }
  /// The highest use since the last call.
  int64_t take_peak(const std::string& worker) {
    return with_lock([&] { return std::exchange(peak_[worker], used_[worker]); });
  }
  int refusals() {
    return with_lock([&] { return refusals_; });
  }
  int allocations() {
    return with_lock([&] { return allocations_; });
  }
  void fail_at(int n) {
    with_lock([&] {
      allocations_ = 0;
      return fail_at_ = n;
    });
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int64_t> used_, peak_;
  int allocations_ = 0;
  int refusals_ = 0;
  int fail_at_ = 0;
};

class StandIn : public Stage {
 public:
  StandIn(StageProfile profile, int addend, std::shared_ptr<ImaginaryMemory> memory)
      : profile_(std::move(profile)), addend_(addend), memory_(std::move(memory)) {}

  /// Called in every run with the worker and the numbers of the pictures, which inputs begin with as
  /// thousands; may throw or wait.
  std::function<void(const StageCall&, const std::vector<int>& pictures)> on_run;
  std::function<void()> on_load;
  std::atomic<int> loads = 0, runs = 0;

  const StageProfile& profile() const override { return profile_; }

  void load(const StageLoad& load) override {
    const StageMode& mode = profile_.mode(load.mode);
    const int blocks = load.last_block - load.first_block;
    const int64_t bytes = blocks > 0 ? mode.weight_bytes * blocks / profile_.blocks : mode.weight_bytes;
    memory_->take(load.worker, bytes);
    if (on_load) on_load();
    ++loads;
    const std::lock_guard lock(mutex_);
    held_[load.worker.name] = bytes;
  }

  void unload(const Worker& worker) override {
    int64_t bytes = 0;
    {
      const std::lock_guard lock(mutex_);
      bytes = held_[worker.name];
      held_.erase(worker.name);
    }
    memory_->give(worker, bytes);
  }

  std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) override {
    ++runs;
    const int64_t bytes = profile_.mode(call.mode).workspace(int(inputs.size()));
    memory_->take(call.workers[0], bytes);
    try {
      std::vector<int> pictures;
      for (const std::any& input : inputs) pictures.push_back(std::any_cast<int>(input) / 1000);
      if (on_run) on_run(call, pictures);
      std::atomic<int> shared = 0;
      if (!call.blocks.empty()) {
        for (size_t k = 0; k < call.workers.size(); ++k) call.on_worker(k, [&] { shared += call.blocks[k]; });
        if (shared != profile_.blocks) throw Error(ErrorCode::kInternal, "blocks are missing");
      } else if (call.workers.size() > 1) {
        call.on_every_worker([&](size_t) { ++shared; });
      }
    } catch (...) {
      memory_->give(call.workers[0], bytes);
      throw;
    }
    memory_->give(call.workers[0], bytes);
    std::vector<std::any> outputs;
    for (const std::any& input : inputs) outputs.emplace_back(std::any_cast<int>(input) + addend_);
    return outputs;
  }

 private:
  StageProfile profile_;
  int addend_;
  std::shared_ptr<ImaginaryMemory> memory_;
  std::mutex mutex_;
  std::map<std::string, int64_t> held_;
};

}  // namespace relievo

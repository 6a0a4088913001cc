#include "runtime/execute/execute.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/log.h"
#include "runtime/execute/channel.h"
#include "runtime/execute/picture_queue.h"
#include "runtime/execute/stage_runner.h"
#include "runtime/execute/weight_cache.h"

namespace relievo {

class Executor::Impl {
 public:
  Impl(std::vector<Slot> slots, std::vector<std::shared_ptr<Stage>> stages, ExecutorOptions options)
      : stages_(std::move(stages)),
        options_(std::move(options)),
        residency_(stages_, slots.size()),
        copy_threads_(slots.size(), options_.hooks) {
    for (Slot& slot : slots) {
      threads_.push_back(std::make_unique<SlotThread>(std::move(slot), options_.hooks));
      try {
        threads_.back()->entered();
      } catch (...) {
        const Error error = error_now(options_.hooks);
        if (error.code() == ErrorCode::kOutOfMemory) throw error;
        lose({int(threads_.size()) - 1, error});
      }
    }
  }

  ~Impl() { unload_all(); }

  std::vector<Outcome> run(Plan plan, std::vector<std::any> inputs, const RunOptions& options) {
    const std::lock_guard one_at_a_time(running_);
    PictureQueue queue(std::move(inputs), options);
    StageLadder ladder(stages_, threads_, copy_threads_, residency_, options_, options);
    bool may_have_more = options.more != nullptr;
    while (may_have_more || !queue.all_done()) {
      if (uses_lost_slots(plan)) {
        if (!plan_again(plan, queue, options)) break;
        if (queue.left() > 0) {
          log(LogLevel::kWarning, "A device was lost; the rest of the pictures is planned again.");
        }
      }
      may_have_more = false;  // lanes ask for it until there is none
      describe(plan);
      run_lanes(plan, queue, ladder, options);
      if (queue.all_done()) break;
      if (options.control.cancel.cancelled()) {
        queue.fail_the_rest({ErrorCode::kCancelled, "Cancelled."});
      } else if (!uses_lost_slots(plan)) {
        throw Error(ErrorCode::kInternal, "Pictures were left over.");
      }
    }
    return queue.take_outcomes();
  }

  void unload() {
    const std::lock_guard one_at_a_time(running_);
    unload_all();
  }

  std::vector<int> lost_slots() const {
    const std::lock_guard lock(mutex_);
    std::vector<int> slots;
    for (const auto& [slot, why] : lost_) slots.push_back(slot);
    return slots;
  }

  int loaded() const { return residency_.count(); }

 private:
  /// All lanes end before anything is thrown: they share the queue.
  void run_lanes(const Plan& plan, PictureQueue& queue, StageLadder& ladder, const RunOptions& options) {
    size_t most = 0;
    for (const Lane& lane : plan.lanes) most += lane.slots.size();
    std::vector<std::future<void>> running;
    running.reserve(most);
    std::exception_ptr failure;
    try {
      for (const Lane& lane : plan.lanes) start_lane(lane, queue, ladder, options, running);
    } catch (...) {
      failure = std::current_exception();
      queue.stop();
    }
    for (auto& lane : running) {
      try {
        lane.get();
      } catch (...) {
        failure = std::current_exception();
      }
    }
    if (failure) std::rethrow_exception(failure);
  }

  /// Ends every lane when one throws: the others would wait for its pictures.
  template <typename Body>
  static void guarded(PictureQueue& queue, Pipeline* pipeline, const Body& body) {
    try {
      body();
    } catch (...) {
      queue.stop();
      if (pipeline) pipeline->break_off();
      throw;
    }
  }

  bool uses_lost_slots(const Plan& plan) const {
    return std::ranges::any_of(plan.lanes, [&](const Lane& lane) { return is_lost(lane.slots); });
  }

  /// No slot can go on. What was not asked for yet stays with its giver, who may find other devices.
  static void give_up(PictureQueue& queue, const Error& error) {
    if (queue.none_was_given()) throw error;
    queue.fail_the_rest(error);
  }

  /// A whole plan for the slots that are left. False: there is none, and what was begun has failed.
  bool plan_again(Plan& plan, PictureQueue& queue, const RunOptions& options) {
    std::vector<Slot> all;
    std::vector<int> alive;
    {
      const std::lock_guard lock(mutex_);
      for (size_t i = 0; i < threads_.size(); ++i) {
        all.push_back(threads_[i]->slot());
        if (!lost_.contains(int(i))) alive.push_back(int(i));
      }
    }
    if (alive.empty()) {
      give_up(queue, {ErrorCode::kDeviceLost, "Every device was lost.",
                      "Check the cables, cooling and driver of the devices, or use --devices cpu."});
      return false;
    }
    std::vector<StageProfile> profiles;
    for (const auto& stage : stages_) profiles.push_back(stage->profile());
    if (options.planned_slots.size() == all.size()) all = options.planned_slots;
    PlanOptions wanted = options.plan;
    wanted.pictures = std::max(options.more ? options.plan.pictures : 1, queue.left());
    try {
      plan = plan_for_some(all, alive, profiles, wanted);
    } catch (const Error& error) {
      give_up(queue, error);
      return false;
    }
    return true;
  }

  /// What outcomes say of the plan. No lane runs meanwhile.
  void describe(const Plan& plan) {
    is_plan_lossy_ = plan.lossy();
    plan_words_ = plan.reasons;
    plan_words_.insert(plan_words_.end(), plan.idle.begin(), plan.idle.end());
    const std::lock_guard lock(mutex_);
    for (const auto& [slot, why] : lost_) {
      plan_words_.push_back(fmt::format("{} was lost: {}", threads_[size_t(slot)]->slot().name, why));
    }
  }

  bool is_lost(const std::vector<int>& slots) const {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(slots, [&](int slot) { return lost_.contains(slot); });
  }

  void lose(const SlotLost& lost) {
    const std::lock_guard lock(mutex_);
    if (!lost_.emplace(lost.slot, lost.message()).second) return;
    log(LogLevel::kWarning,
        fmt::format("{} is lost: {}", threads_[size_t(lost.slot)]->slot().name, lost.message()));
  }

  void start_lane(const Lane& lane, PictureQueue& queue, StageLadder& ladder, const RunOptions& options,
                  std::vector<std::future<void>>& running) {
    keep_only_what_is_placed(lane);
    if (lane.kind != LaneKind::kPipeline) {
      running.push_back(threads_[size_t(lane.slots[0])]->start([this, &lane, &queue, &ladder, &options] {
        guarded(queue, nullptr, [&] { run_lane(lane, queue, ladder, options); });
      }));
      return;
    }
    auto pipeline = std::make_shared<Pipeline>(lane.slots.size());
    guarded(queue, pipeline.get(), [&] {
      for (size_t part = 0; part < lane.slots.size(); ++part) {
        running.push_back(threads_[size_t(lane.slots[part])]->start([this, &lane, part, pipeline, &queue,
                                                                     &ladder, &options] {
          guarded(queue, pipeline.get(), [&] { run_part(lane, part, *pipeline, queue, ladder, options); });
        }));
      }
    });
  }

  /// Weights of an earlier run that this lane does not keep make room first.
  void keep_only_what_is_placed(const Lane& lane) {
    for (const int slot : lane.slots) {
      threads_[size_t(slot)]->run([&] {
        for (const StagePlacement& placement : lane.stages) {
          const bool kept =
              placement.resident && std::ranges::find(placement.slots, slot) != placement.slots.end();
          if (!kept) residency_.unload(size_t(slot), size_t(placement.stage));
        }
      });
    }
  }

  Progress progress_of(const std::vector<int>& pictures, size_t stage, PictureQueue& queue) const {
    const double from = double(stage) / double(stages_.size()), span = 1.0 / double(stages_.size());
    return Progress([&queue, pictures, from, span](double fraction) {
      // The last step is the outcome itself.
      for (const int picture : pictures) queue.progress(picture, std::min(from + span * fraction, 0.999));
    });
  }

  void run_stages(const Lane& lane, const std::vector<const StagePlacement*>& placements, PictureBatch& batch,
                  PictureQueue& queue, StageLadder& ladder, const RunOptions& options) {
    for (size_t i = 0; i < placements.size(); ++i) {
      options.control.cancel.check();
      const StagePlacement* next = i + 1 < placements.size() ? placements[i + 1] : nullptr;
      ladder.run(*placements[i], next, batch, lane.stages.size() == 1,
                 progress_of(batch.pictures, size_t(placements[i]->stage), queue));
    }
  }

  void deliver(PictureBatch& batch, PictureQueue& queue) const {
    for (size_t i = 0; i < batch.pictures.size(); ++i) {
      Outcome outcome;
      outcome.value = std::move(batch.values[i]);
      outcome.stages = batch.reports;
      outcome.notes = batch.notes;
      outcome.lossy = batch.lossy || is_plan_lossy_;
      outcome.plan = plan_words_;
      queue.finish(batch.pictures[i], std::move(outcome));
    }
  }

  static PictureBatch begin(const std::vector<int>& pictures, const PictureQueue& queue) {
    PictureBatch batch;
    batch.pictures = pictures;
    for (const int picture : pictures) batch.values.push_back(queue.input(picture));
    return batch;
  }

  /// A batch failed for a reason of its own: alone, each picture gets its own error or its own result.
  void run_one_by_one(const Lane& lane, const std::vector<const StagePlacement*>& placements,
                      PictureBatch batch, PictureQueue& queue, StageLadder& ladder, const RunOptions& options,
                      std::vector<PictureBatch>& done) {
    for (size_t i = 0; i < batch.pictures.size(); ++i) {
      PictureBatch one{{batch.pictures[i]}, {batch.values[i]}, batch.reports, batch.notes, batch.lossy};
      try {
        run_stages(lane, placements, one, queue, ladder, options);
      } catch (const SlotLost&) {
        std::vector<int> rest;
        for (const PictureBatch& finished : done) rest.push_back(finished.pictures[0]);
        for (size_t k = i; k < batch.pictures.size(); ++k) rest.push_back(batch.pictures[k]);
        queue.put_back(rest);
        done.clear();
        throw;
      } catch (...) {
        if (options.control.cancel.cancelled()) throw;
        Outcome outcome;
        outcome.error = error_now(options_.hooks);
        outcome.notes = one.notes;
        queue.finish(batch.pictures[i], std::move(outcome));
        continue;
      }
      done.push_back(std::move(one));
    }
  }

  enum class Ended { kWell, kLost, kCancelled };

  /// Runs the stages on a batch; on return every picture of it is in `done`, has failed, or is back in the
  /// queue.
  Ended attempt(const Lane& lane, const std::vector<const StagePlacement*>& placements, PictureBatch batch,
                PictureQueue& queue, StageLadder& ladder, const RunOptions& options,
                std::vector<PictureBatch>& done) {
    const PictureBatch before = batch;
    bool again = false;
    try {
      try {
        run_stages(lane, placements, batch, queue, ladder, options);
        done.push_back(std::move(batch));
        return Ended::kWell;
      } catch (const SlotLost&) {
        queue.put_back(before.pictures);
        throw;
      } catch (...) {
        const Error error = error_now(options_.hooks);
        if (options.control.cancel.cancelled()) return Ended::kCancelled;
        again = before.pictures.size() > 1;
        if (!again) {
          Outcome outcome;
          outcome.error = error;
          outcome.notes = batch.notes;
          queue.finish(before.pictures[0], std::move(outcome));
        }
      }
      if (again) run_one_by_one(lane, placements, before, queue, ladder, options, done);
      return Ended::kWell;
    } catch (const SlotLost& lost) {
      lose(lost);
      return Ended::kLost;
    } catch (...) {
      if (!options.control.cancel.cancelled()) throw;
      return Ended::kCancelled;
    }
  }

  void run_lane(const Lane& lane, PictureQueue& queue, StageLadder& ladder, const RunOptions& options) {
    std::vector<const StagePlacement*> placements;
    for (const StagePlacement& placement : lane.stages) placements.push_back(&placement);
    while (true) {
      const std::vector<int> pictures = queue.pull(lane.batch);
      if (pictures.empty()) return;
      std::vector<PictureBatch> done;
      const Ended ended = attempt(lane, placements, begin(pictures, queue), queue, ladder, options, done);
      for (PictureBatch& batch : done) deliver(batch, queue);
      if (ended != Ended::kWell) return;
    }
  }

  void run_part(const Lane& lane, size_t part, Pipeline& pipeline, PictureQueue& queue, StageLadder& ladder,
                const RunOptions& options) {
    std::vector<const StagePlacement*> placements;
    for (const StagePlacement& placement : lane.stages) {
      if (placement.slots[0] == lane.slots[part]) placements.push_back(&placement);
    }
    const bool is_last = part + 1 == lane.slots.size();
    while (!pipeline.broken()) {
      PictureBatch batch;
      if (part == 0) {
        const std::vector<int> pictures = queue.pull(lane.batch);
        if (pictures.empty()) break;
        batch = begin(pictures, queue);
      } else {
        auto taken = pipeline.take(part - 1);
        if (!taken) break;
        batch = std::move(*taken);
      }
      std::vector<PictureBatch> done;
      const Ended ended = attempt(lane, placements, std::move(batch), queue, ladder, options, done);
      for (PictureBatch& finished : done) {
        if (is_last) {
          deliver(finished, queue);
        } else if (!pipeline.give(part, std::move(finished))) {
          queue.put_back(finished.pictures);
        }
      }
      if (ended == Ended::kLost) {
        for (const PictureBatch& waiting : pipeline.break_off()) queue.put_back(waiting.pictures);
      }
      if (ended == Ended::kCancelled) pipeline.break_off();
    }
    if (!is_last) pipeline.close(part);
  }

  /// Does not throw: weights go even where there is no memory for a task, and from a device that is gone.
  void unload_all() noexcept {
    for (size_t slot = 0; slot < threads_.size(); ++slot) {
      const auto unload = [&]() noexcept {
        try {
          residency_.unload_others(slot, stages_.size());
          if (options_.hooks.release_cache) options_.hooks.release_cache(threads_[slot]->slot());
        } catch (...) {  // the cache of a device that is gone
        }
      };
      try {
        threads_[slot]->run(unload);
      } catch (...) {
        unload();
      }
    }
  }

  std::vector<std::shared_ptr<Stage>> stages_;
  ExecutorOptions options_;
  std::vector<std::unique_ptr<SlotThread>> threads_;
  Residency residency_;
  CopyThreads copy_threads_;
  std::mutex running_;
  mutable std::mutex mutex_;
  std::map<int, std::string> lost_;      // and why; guarded by mutex_
  std::vector<std::string> plan_words_;  // of the plan that runs
  bool is_plan_lossy_ = false;
};

Executor::Executor(std::vector<Slot> slots, std::vector<std::shared_ptr<Stage>> stages,
                   ExecutorOptions options)
    : impl_(std::make_unique<Impl>(std::move(slots), std::move(stages), std::move(options))) {}

Executor::~Executor() = default;

std::vector<Outcome> Executor::run(const Plan& plan, std::vector<std::any> inputs,
                                   const RunOptions& options) {
  return impl_->run(plan, std::move(inputs), options);
}

std::vector<Outcome> Executor::run(const Plan& plan, std::vector<std::any> inputs) {
  const RunOptions none;
  return impl_->run(plan, std::move(inputs), none);
}

void Executor::unload() { impl_->unload(); }

std::vector<int> Executor::lost_slots() const { return impl_->lost_slots(); }

int Executor::loaded() const { return impl_->loaded(); }

}  // namespace relievo

// Brings the weights of the stage that comes next into a slot while the stage before it still computes there:
// on a second thread of the slot, which on a GPU has a stream of its own.
#pragma once

#include <future>
#include <memory>
#include <vector>

#include "runtime/execute/weight_cache.h"

namespace relievo {

/// The second threads, by slot. Each is made when it is first wanted, by the slot's own thread.
class CopyThreads {
 public:
  CopyThreads(size_t slots, SlotHooks hooks) : threads_(slots), hooks_(std::move(hooks)) {}

  /// Waits for the device before `task` counts as done.
  std::future<void> start(size_t index, const Slot& slot, std::function<void()> task);

 private:
  std::vector<std::unique_ptr<SlotThread>> threads_;
  SlotHooks hooks_;
};

/// One stage's weights on their way. Whatever hinders them is left to the stage's own turn, which loads what
/// is not there. On the slot's thread; the destructor waits.
class WeightsAhead {
 public:
  WeightsAhead(CopyThreads& threads, Residency& residency) : threads_(threads), residency_(residency) {}
  ~WeightsAhead() { wait(); }
  WeightsAhead(const WeightsAhead&) = delete;
  WeightsAhead& operator=(const WeightsAhead&) = delete;

  /// Once; further calls do nothing.
  void start(size_t slot, size_t stage, const StageLoad& wanted) noexcept;

  /// Gives their memory back. False: they were not started, or have been taken back before.
  bool take_back() noexcept;

 private:
  void wait() noexcept;

  CopyThreads& threads_;
  Residency& residency_;
  std::future<void> arrival_;
  bool started_ = false, taken_back_ = false;
  size_t slot_ = 0, stage_ = 0;
};

}  // namespace relievo

#include "runtime/execute/prefetch.h"

namespace relievo {

std::future<void> CopyThreads::start(size_t index, const Slot& slot, std::function<void()> task) {
  auto& thread = threads_[index];
  if (!thread) {
    Slot copying = slot;  // of the same account
    copying.threads = 1;
    auto made = std::make_unique<SlotThread>(std::move(copying), hooks_);
    made->entered();
    thread = std::move(made);
  }
  return thread->start([this, &slot = thread->slot(), task = std::move(task)] {
    task();
    if (hooks_.finish) hooks_.finish(slot);
  });
}

void WeightsAhead::start(size_t slot, size_t stage, const StageLoad& wanted) noexcept {
  if (started_) return;
  started_ = true;
  slot_ = slot;
  stage_ = stage;
  try {
    arrival_ =
        threads_.start(slot, wanted.slot, [this, wanted] { residency_.ensure(slot_, stage_, wanted); });
  } catch (...) {  // no memory for a thread or a task
  }
}

bool WeightsAhead::take_back() noexcept {
  if (!started_ || taken_back_) return false;
  wait();
  residency_.unload(slot_, stage_);
  return taken_back_ = true;
}

void WeightsAhead::wait() noexcept {
  if (!arrival_.valid()) return;
  try {
    arrival_.get();
  } catch (...) {  // shows again when the stage's turn comes
  }
}

}  // namespace relievo

// How the outside follows and stops a running stage: Progress carries a fraction out, CancelToken a wish in.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

namespace relievo {

/// Asks running work to stop. Copies share one flag; any thread may ask, any number of times.
class CancelToken {
 public:
  void cancel() const { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_->load(std::memory_order_relaxed); }

  /// Throws Error{kCancelled} once cancel() was called. Stages call it at least every half second.
  void check() const;

 private:
  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

/// A stage reports to it the fraction 0..1 of its own work that is done. It only grows: a smaller value is
/// dropped. Copies share their state; any thread may report; a default-constructed Progress goes nowhere.
class Progress {
 public:
  Progress() = default;
  explicit Progress(std::function<void(double)> listener);

  void report(double fraction) const;

  /// A Progress of its own whose 0..1 fills `from`..`to` of this one.
  Progress part(double from, double to) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Every stage is handed one.
struct Control {
  Progress progress;
  CancelToken cancel;

  /// Stops here if asked to, else reports.
  void step(double fraction) const {
    cancel.check();
    progress.report(fraction);
  }
  Control part(double from, double to) const { return {progress.part(from, to), cancel}; }
};

}  // namespace relievo

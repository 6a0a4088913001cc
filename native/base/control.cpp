#include "base/control.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/error.h"

namespace relievo {

void CancelToken::check() const {
  if (cancelled()) throw Error(ErrorCode::kCancelled, "Cancelled.");
}

struct Progress::State {
  std::function<void(double)> listener;
  std::mutex mutex;
  double fraction = -1;
};

Progress::Progress(std::function<void(double)> listener) : state_(std::make_shared<State>()) {
  state_->listener = std::move(listener);
}

void Progress::report(double fraction) const {
  if (!state_) return;
  fraction = std::clamp(fraction, 0.0, 1.0);
  // The listener is called under the lock, so that it sees growing values only.
  const std::lock_guard lock(state_->mutex);
  if (fraction <= state_->fraction) return;
  state_->fraction = fraction;
  state_->listener(fraction);
}

Progress Progress::part(double from, double to) const {
  if (!state_) return {};
  return Progress(
      [parent = *this, from, to](double fraction) { parent.report(from + (to - from) * fraction); });
}

}  // namespace relievo

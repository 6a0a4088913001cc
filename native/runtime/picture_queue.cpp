#include "runtime/picture_queue.h"

#include <algorithm>
#include <chrono>

namespace relievo {

PictureQueue::PictureQueue(std::vector<std::any> inputs, const RunOptions& options)
    : options_(options), inputs_(std::move(inputs)) {
  outcomes_.resize(inputs_.size());
  done_.assign(inputs_.size(), false);
  fractions_.assign(inputs_.size(), 0);
  for (size_t i = 0; i < inputs_.size(); ++i) waiting_.push_back(int(i));
}

std::vector<int> PictureQueue::pull(int most) {
  std::unique_lock lock(mutex_);
  while (waiting_.empty() && working_ > 0 && !stopped_ && !options_.control.cancel.cancelled()) {
    changed_.wait_for(lock, std::chrono::milliseconds(100));  // cancel() wakes nobody
  }
  std::vector<int> pulled;
  if (stopped_ || options_.control.cancel.cancelled()) return pulled;
  while (!waiting_.empty() && int(pulled.size()) < most) {
    pulled.push_back(waiting_.front());
    waiting_.pop_front();
  }
  working_ += int(pulled.size());
  return pulled;
}

std::any PictureQueue::input(int picture) const {
  const std::lock_guard lock(mutex_);
  return inputs_[size_t(picture)];
}

void PictureQueue::put_back(const std::vector<int>& pictures) {
  {
    const std::lock_guard lock(mutex_);
    working_ -= int(pictures.size());
    waiting_.insert(waiting_.begin(), pictures.begin(), pictures.end());
  }
  changed_.notify_all();
}

void PictureQueue::finish(int picture, Outcome outcome) {
  const size_t index = size_t(picture);
  const std::lock_guard delivery(delivery_);
  {
    const std::lock_guard lock(mutex_);
    if (done_[index]) throw Error(ErrorCode::kInternal, "A picture was made twice.");
    done_[index] = true;
    inputs_[index].reset();
    outcomes_[index] = std::move(outcome);
    --working_;
  }
  changed_.notify_all();
  progress(picture, 1);
  // Outcomes of pictures that are done change no more.
  if (options_.on_done) options_.on_done(picture, outcomes_[index]);
}

void PictureQueue::fail_the_rest(const Error& error) {
  std::vector<int> rest;
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < done_.size(); ++i) {
      if (!done_[i]) rest.push_back(int(i));
    }
    waiting_.clear();
    working_ = int(rest.size());
  }
  for (const int picture : rest) {
    Outcome outcome;
    outcome.error = error;
    finish(picture, std::move(outcome));
  }
}

void PictureQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

bool PictureQueue::all_done() const { return left() == 0; }

int PictureQueue::left() const {
  const std::lock_guard lock(mutex_);
  return int(std::ranges::count(done_, false));
}

void PictureQueue::progress(int picture, double fraction) {
  double total = 0;
  {
    const std::lock_guard lock(mutex_);
    double& old = fractions_[size_t(picture)];
    if (fraction <= old) return;
    sum_ += fraction - old;
    old = fraction;
    total = sum_ / double(fractions_.size());
  }
  options_.control.progress.report(std::min(total, 1.0));
}

std::vector<Outcome> PictureQueue::take_outcomes() {
  const std::lock_guard lock(mutex_);
  return std::move(outcomes_);
}

}  // namespace relievo

#include "runtime/execute/picture_queue.h"

#include <algorithm>
#include <chrono>

namespace relievo {

PictureQueue::PictureQueue(std::vector<std::any> inputs, const RunOptions& options) : options_(options) {
  for (std::any& input : inputs) add(std::move(input));
}

size_t PictureQueue::add(std::any input) {
  const size_t picture = inputs_.size();
  inputs_.push_back(std::move(input));
  outcomes_.emplace_back();
  done_.push_back(false);
  fractions_.push_back(0);
  waiting_.push_back(int(picture));
  return picture;
}

void PictureQueue::ask_for_more(int most, std::unique_lock<std::mutex>& lock) {
  if (!options_.more || asking_) return;
  asking_ = true;
  lock.unlock();
  std::vector<std::any> inputs;
  std::exception_ptr failure;
  try {
    inputs = options_.more(most);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  asking_ = false;
  try {
    if (failure) std::rethrow_exception(failure);
    for (std::any& input : inputs) add(std::move(input));
  } catch (...) {
    stopped_ = true;  // what comes now would be numbered otherwise than its giver does
    throw;
  }
}

std::vector<int> PictureQueue::pull(int most) {
  std::unique_lock lock(mutex_);
  const auto is_over = [&] { return stopped_ || options_.control.cancel.cancelled(); };
  while (!is_over()) {
    if (int(waiting_.size()) < most) ask_for_more(most - int(waiting_.size()), lock);
    if (!waiting_.empty() || (working_ == 0 && !asking_)) break;
    changed_.wait_for(lock, std::chrono::milliseconds(50));  // cancel() and new pictures wake nobody
  }
  std::vector<int> pulled;
  if (is_over()) return pulled;
  pulled.reserve(std::min(waiting_.size(), size_t(most)));
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
  const Outcome* told = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (done_[index]) throw Error(ErrorCode::kInternal, "A picture was made twice.");
    done_[index] = true;
    inputs_[index].reset();
    outcomes_[index] = std::move(outcome);
    told = &outcomes_[index];
    --working_;
  }
  changed_.notify_all();
  progress(picture, 1);
  // Outcomes of pictures that are done change no more.
  if (options_.on_done) options_.on_done(picture, *told);
  if (!options_.more) return;
  const std::lock_guard lock(mutex_);
  outcomes_[index] = {};
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

bool PictureQueue::none_was_given() const {
  const std::lock_guard lock(mutex_);
  return done_.empty();
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
  if (options_.more) return {};
  return {std::make_move_iterator(outcomes_.begin()), std::make_move_iterator(outcomes_.end())};
}

}  // namespace relievo

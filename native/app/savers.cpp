#include "app/savers.h"

#include <chrono>
#include <utility>

namespace relievo {

Savers::Savers(size_t threads) {
  for (size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
}

Savers::~Savers() = default;

void Savers::add(Work work) {
  outcomes_.push_back(work.get_future());
  {
    const std::lock_guard guard(mutex_);
    waiting_.push_back(std::move(work));
  }
  has_come_.notify_one();
}

std::optional<PictureOutcome> Savers::next(size_t most) {
  if (outcomes_.empty()) return {};
  const bool is_there = outcomes_.front().wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  if (!is_there && outcomes_.size() <= most) return {};
  PictureOutcome outcome = outcomes_.front().get();
  outcomes_.pop_front();
  return outcome;
}

void Savers::run(const std::stop_token& stop) {
  while (true) {
    Work work;
    {
      std::unique_lock lock(mutex_);
      if (!has_come_.wait(lock, stop, [&] { return !waiting_.empty(); }) || stop.stop_requested()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

}  // namespace relievo

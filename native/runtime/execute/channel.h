// Between two slots of a pipeline: room for one batch.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/execute/stage_runner.h"

namespace relievo {

/// Any thread may call it.
class Pipeline {
 public:
  explicit Pipeline(size_t parts) : places_(parts > 0 ? parts - 1 : 0) {}

  /// Waits for room behind `part`. False: the pipeline is broken, `batch` is untouched.
  bool give(size_t part, PictureBatch&& batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return broken_ || !places_[part].batch; });
    if (broken_) return false;
    places_[part].batch = std::move(batch);
    changed_.notify_all();
    return true;
  }

  /// Waits for what comes behind `part`. None: nothing will come.
  std::optional<PictureBatch> take(size_t part) {
    std::unique_lock lock(mutex_);
    Place& place = places_[part];
    changed_.wait(lock, [&] { return broken_ || place.batch || place.closed; });
    if (broken_ || !place.batch) return std::nullopt;
    std::optional<PictureBatch> batch = std::move(place.batch);
    place.batch.reset();
    changed_.notify_all();
    return batch;
  }

  /// Nothing more comes behind `part`.
  void close(size_t part) {
    const std::lock_guard lock(mutex_);
    places_[part].closed = true;
    changed_.notify_all();
  }

  /// Ends it: what waits is returned, give() and take() refuse from now on.
  std::vector<PictureBatch> break_off() {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
    std::vector<PictureBatch> waiting;
    for (Place& place : places_) {
      if (place.batch) waiting.push_back(std::move(*place.batch));
      place.batch.reset();
    }
    return waiting;
  }

  bool broken() const {
    const std::lock_guard lock(mutex_);
    return broken_;
  }

 private:
  struct Place {
    std::optional<PictureBatch> batch;
    bool closed = false;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Place> places_;
  bool broken_ = false;
};

}  // namespace relievo

#include "runtime/execute/worker_calls.h"

#include <algorithm>
#include <future>
#include <numeric>
#include <optional>

#include "base/clock.h"

namespace relievo {

std::exception_ptr WorkerCalls::current_exception_of(int worker) const {
  try {
    throw;
  } catch (const WorkerLost&) {
    return std::current_exception();
  } catch (...) {
    try {
      const Error error = error_now(hooks_);
      return error.code() == ErrorCode::kDeviceLost ? std::make_exception_ptr(WorkerLost(worker, error))
                                                    : std::make_exception_ptr(error);
    } catch (...) {
      return std::current_exception();
    }
  }
}

void WorkerCalls::throw_lost(const StagePlacement& placement, const WorkerLost& said) const {
  if (!hooks_.finish || placement.workers.size() < 2) throw said;
  const auto loss_of = [&](int index) -> std::optional<WorkerLost> {
    std::exception_ptr answer;
    threads_[index].run([&] {
      try {
        hooks_.finish(threads_.worker(index));
      } catch (...) {
        answer = current_exception_of(index);
      }
    });
    try {
      if (answer) std::rethrow_exception(answer);
    } catch (const WorkerLost& lost) {
      return lost;
    } catch (...) {
    }
    return std::nullopt;
  };
  if (loss_of(said.worker)) throw said;
  for (const int index : placement.workers) {
    if (const auto lost = loss_of(index)) throw *lost;
  }
  throw said;
}

std::vector<DeviceSeconds> CallTally::devices(const std::vector<std::string>& names, double seconds) const {
  std::vector<DeviceSeconds> all;
  for (size_t k = 0; k < names.size(); ++k) {
    DeviceSeconds& device = all.emplace_back(DeviceSeconds{.worker = names[k]});
    for (const DeviceCopy& transfer : transfers[k]) device.transfer += transfer.seconds;
    const double busy_here = (k == 0 ? seconds - waited : busy[k]) - paused[k];
    device.computing = std::max(0.0, busy_here - device.transfer);
    device.waiting = std::max(0.0, seconds - busy_here);
  }
  return all;
}

void WorkerCalls::settle(int index) const {
  if (!hooks_.finish) return;
  try {
    hooks_.finish(threads_.worker(index));
  } catch (...) {  // a lost device does nothing any more
  }
}

void WorkerCalls::on_workers(const StagePlacement& placement, const std::vector<size_t>& which,
                             const std::function<void(size_t)>& body, CallTally* tally,
                             const std::function<void()>& on_failure) const {
  std::vector<std::exception_ptr> errors(which.size());
  const auto guarded = [&](size_t i) {
    const int index = placement.workers[which[i]];
    const auto start = Clock::now();
    const auto count = [&] {
      if (!tally) return;
      tally->busy[which[i]] += seconds_since(start);
      if (hooks_.take_waited) tally->paused[which[i]] += hooks_.take_waited();
      if (!hooks_.take_transfers) return;
      for (const DeviceCopy& transfer : hooks_.take_transfers())
        tally->transfers[which[i]].push_back(transfer);
    };
    try {
      body(which[i]);
      if (hooks_.finish) hooks_.finish(threads_.worker(index));
    } catch (...) {
      errors[i] = current_exception_of(index);
      if (on_failure) on_failure();
      settle(index);
    }
    count();
  };
  // `guarded` must live until the other threads have ended, even when something is thrown here.
  struct Running : std::vector<std::future<void>> {
    ~Running() {
      for (auto& done : *this) {
        if (done.valid()) done.wait();
      }
    }
  } running;
  running.reserve(which.size());
  std::vector<size_t> here;
  // This thread's pending work on its device must be done before other workers read its results.
  const bool are_others = std::ranges::any_of(which, [&](size_t k) { return !is_here(placement, k); });
  if (are_others && hooks_.finish) {
    for (const int index : placement.workers) {
      if (!threads_[index].is_current()) continue;
      try {
        hooks_.finish(threads_.worker(index));
      } catch (...) {
        std::rethrow_exception(current_exception_of(index));
      }
    }
  }
  for (size_t i = 0; i < which.size(); ++i) {
    if (is_here(placement, which[i])) {
      here.push_back(i);
    } else {
      try {
        running.push_back(threads_[placement.workers[which[i]]].start([&guarded, i] { guarded(i); }));
      } catch (...) {  // there is no memory for a task, and those that run would wait for it
        if (on_failure) on_failure();
        throw;
      }
    }
  }
  for (const size_t i : here) guarded(i);
  const auto waiting_since = Clock::now();
  for (auto& done : running) done.get();
  if (tally) tally->waited += seconds_since(waiting_since);
  for (const auto& error : errors) {
    if (!error) continue;
    try {
      std::rethrow_exception(error);
    } catch (const WorkerLost& lost) {
      throw_lost(placement, lost);
    } catch (...) {
    }
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

void WorkerCalls::on_every_worker(const StagePlacement& placement,
                                  const std::function<void(size_t)>& body) const {
  std::vector<size_t> all(placement.workers.size());
  std::iota(all.begin(), all.end(), size_t{0});
  on_workers(placement, all, body);
}

}  // namespace relievo

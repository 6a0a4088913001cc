#include "runtime/plan/simulate.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>

#include "base/error.h"

namespace relievo {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// One worker's part of a group; a group that is not a pipeline has one station.
struct Station {
  double batch_s = 0;  // seconds of a full batch
  // Pictures that were handed over, at most one batch.
  std::optional<int> waiting;
  int working = 0;  // pictures at work
  double busy_until = kNever;
  // It has finished, but the next station has no room.
  bool blocked = false;
};

struct RunningGroup {
  const DeviceGroup* group = nullptr;
  std::vector<Station> stations;
  // Time of a batch of i pictures, divided by a full one's.
  std::vector<double> ratio;
  // The share of the group's time that each of its workers is busy; for groups that are no pipeline.
  std::vector<double> busy;
  double lost_at = kNever;
  bool lost = false;
};

class Simulation {
 public:
  Simulation(const Plan& plan, const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
             int pictures, const Scenario& scenario, const PlanOptions& options)
      : workers_(workers), stages_(stages), scenario_(scenario), options_(options), queue_(pictures) {
    run_.utilisation.assign(workers.size(), 0);
    run_.peak_bytes.assign(workers.size(), 0);
    run_.pictures.assign(workers.size(), 0);
    follow(plan);
  }

  SimulatedRun run() {
    while (true) {
      for (RunningGroup& group : groups_) advance(group);
      RunningGroup* next = nullptr;
      Station* station = nullptr;
      double when = kNever;
      for (RunningGroup& group : groups_) {
        if (group.lost) continue;
        for (Station& candidate : group.stations) {
          if (candidate.busy_until < when) {
            when = candidate.busy_until;
            next = &group;
            station = &candidate;
          }
        }
      }
      RunningGroup* losing = nullptr;
      for (RunningGroup& group : groups_) {
        if (!group.lost && group.lost_at <= when && (!losing || group.lost_at < losing->lost_at))
          losing = &group;
      }
      if (losing && losing->lost_at < kNever && (next || queue_ > 0)) {
        now_ = std::max(now_, losing->lost_at);
        lose(*losing);
        continue;
      }
      if (!next) {
        if (queue_ > 0 && plan_again()) continue;
        break;
      }
      now_ = when;
      station->busy_until = kNever;
      station->blocked = true;
    }
    run_.seconds = finished_at_;
    // now_ is later than the last finish where the work of that time was lost.
    for (double& busy : run_.utilisation) busy = now_ > 0 ? busy / now_ : 0;
    return run_;
  }

 private:
  void follow(const Plan& plan) {
    plans_.push_back(plan);
    groups_.clear();
    for (const DeviceGroup& group : plans_.back().groups) groups_.push_back(start(group));
  }

  /// Plans again for the workers that are left. Returns false when there are none, or nothing fits.
  bool plan_again() {
    std::vector<int> alive;
    for (int i = 0; i < int(workers_.size()); ++i) {
      const bool is_lost = std::ranges::any_of(
          scenario_.losses, [&](const auto& loss) { return loss.worker == i && loss.at_s <= now_; });
      if (!is_lost) alive.push_back(i);
    }
    if (alive.empty() || alive.size() == workers_.size()) return false;
    PlanOptions wanted = options_;
    wanted.pictures = queue_;
    try {
      follow(find_plan_for_some(workers_, alive, stages_, wanted));
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  RunningGroup start(const DeviceGroup& group) const {
    RunningGroup running;
    running.group = &group;
    double whole = 0;
    const Worker& first = workers_[size_t(group.workers[0])];
    for (const StagePlacement& placement : group.stages) {
      whole += stages_[size_t(placement.stage)].mode(placement.mode).time(group.batch, first);
    }
    for (int batch = 0; batch <= group.batch; ++batch) {
      double part = 0;
      for (const StagePlacement& placement : group.stages) {
        part += stages_[size_t(placement.stage)].mode(placement.mode).time(batch, first);
      }
      running.ratio.push_back(whole > 0 ? part / whole : 1);
    }
    for (const double seconds : group.station_s) running.stations.push_back({seconds, {}, 0, kNever, false});
    running.busy.assign(group.workers.size(), 0);
    if (group.kind != GroupKind::kPipeline) {
      for (size_t j = 0; j < group.workers.size(); ++j) {
        running.busy[j] = group.latency_s > 0 ? busy_seconds(group, j) / group.latency_s : 1;
      }
      // Loading weights takes the worker's time too.
      if (group.workers.size() == 1) running.busy[0] = 1;
    }
    for (const auto& straggler : scenario_.stragglers) {
      for (size_t j = 0; j < group.workers.size(); ++j) {
        if (group.workers[j] != straggler.worker) continue;
        running.stations[group.kind == GroupKind::kPipeline ? j : 0].batch_s *= straggler.slowdown;
      }
    }
    for (const auto& loss : scenario_.losses) {
      if (std::ranges::find(group.workers, loss.worker) != group.workers.end()) {
        running.lost_at = std::min(running.lost_at, loss.at_s);
      }
    }
    return running;
  }

  /// The seconds that a worker is busy for a batch.
  static double busy_seconds(const DeviceGroup& group, size_t worker) {
    double seconds = 0;
    for (const StagePlacement& placement : group.stages) {
      const auto found = std::ranges::find(placement.workers, group.workers[worker]);
      if (found != placement.workers.end()) {
        seconds += placement.computing_s[size_t(found - placement.workers.begin())];
      }
    }
    return seconds;
  }

  /// Hands over finished batches and starts what can be started, from the last station to the first.
  void advance(RunningGroup& group) {
    if (group.lost) return;
    for (size_t i = group.stations.size(); i-- > 0;) {
      Station& station = group.stations[i];
      if (station.blocked) {
        if (i + 1 == group.stations.size()) {
          run_.done += station.working;
          run_.pictures[size_t(group.group->workers.back())] += station.working;
          finished_at_ = now_;
        } else if (!group.stations[i + 1].waiting) {
          group.stations[i + 1].waiting = station.working;
        } else {
          continue;
        }
        station.working = 0;
        station.blocked = false;
        if (i + 1 < group.stations.size()) begin(group, i + 1);
      }
      begin(group, i);
    }
  }

  void begin(RunningGroup& group, size_t index) {
    Station& station = group.stations[index];
    if (station.working > 0) return;
    if (index == 0) {
      if (queue_ == 0) return;
      station.working = std::min(queue_, group.group->batch);
      queue_ -= station.working;
      account_memory(*group.group);
    } else {
      if (!station.waiting) return;
      station.working = *station.waiting;
      station.waiting.reset();
    }
    const double seconds = station.batch_s * group.ratio[size_t(station.working)];
    station.busy_until = now_ + seconds;
    add_busy(group, index, seconds);
  }

  void add_busy(RunningGroup& group, size_t index, double seconds) {
    if (group.group->kind == GroupKind::kPipeline) {
      run_.utilisation[size_t(group.group->workers[index])] += seconds;
      return;
    }
    for (size_t j = 0; j < group.busy.size(); ++j) {
      run_.utilisation[size_t(group.group->workers[j])] += seconds * group.busy[j];
    }
  }

  void account_memory(const DeviceGroup& group) {
    for (size_t j = 0; j < group.workers.size(); ++j) {
      int64_t& peak = run_.peak_bytes[size_t(group.workers[j])];
      peak = std::max(peak, group.peak_bytes[j]);
    }
  }

  void lose(RunningGroup& group) {
    group.lost = true;
    int back = 0;
    for (size_t i = 0; i < group.stations.size(); ++i) {
      Station& station = group.stations[i];
      if (station.busy_until < kNever) add_busy(group, i, now_ - station.busy_until);
      back += station.working + station.waiting.value_or(0);
    }
    queue_ += back;
    run_.redone += back;
  }

  const std::vector<Worker>& workers_;
  const std::vector<StageProfile>& stages_;
  const Scenario& scenario_;
  const PlanOptions& options_;
  // One after the other; a deque, because groups are referred to.
  std::deque<Plan> plans_;
  int queue_;
  double now_ = 0;
  double finished_at_ = 0;
  std::vector<RunningGroup> groups_;
  SimulatedRun run_;
};

}  // namespace

SimulatedRun simulate(const Plan& plan, const std::vector<Worker>& workers,
                      const std::vector<StageProfile>& stages, int pictures, const Scenario& scenario,
                      const PlanOptions& options) {
  return Simulation(plan, workers, stages, pictures, scenario, options).run();
}

}  // namespace relievo

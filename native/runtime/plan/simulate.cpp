#include "runtime/plan/simulate.h"

#include <algorithm>
#include <compare>
#include <deque>
#include <functional>
#include <limits>
#include <queue>

#include "base/error.h"
#include "runtime/plan/stations.h"

namespace relievo {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

/// A thread of a group, which takes turns at some of its stations.
struct SimulatedThread {
  size_t worker = 0;  // index in the group
  bool is_side = false;
  double slowdown = 1;
  size_t station = 0;  // where it is busy
  int working = 0;     // pictures at work
  double began_at = 0;
};

struct RunningGroup {
  const DeviceGroup* group = nullptr;
  std::vector<SimulatedThread> threads;
  // Pictures that wait before each station, and those for which room is kept there.
  std::vector<int> waiting, expected;
  // The share of the group's time that each of its workers is busy; for groups that are no pipeline.
  std::vector<double> busy;
  double lost_at = kNever;
  bool lost = false;
};

/// When a thread ends its work; those of one time come in the order of their groups.
struct End {
  double when = 0;
  size_t group = 0, thread = 0;

  auto operator<=>(const End&) const = default;
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
      while (!ends_.empty() && groups_[ends_.top().group].lost) ends_.pop();
      const double when = ends_.empty() ? kNever : ends_.top().when;
      RunningGroup* losing = nullptr;
      for (const size_t index : may_be_lost_) {
        RunningGroup& group = groups_[index];
        if (!group.lost && group.lost_at <= when && (!losing || group.lost_at < losing->lost_at))
          losing = &group;
      }
      if (losing && (when < kNever || queue_ > 0)) {
        now_ = std::max(now_, losing->lost_at);
        lose(*losing);
        begin_everywhere();
        continue;
      }
      if (when == kNever) {
        if (queue_ > 0 && plan_again()) continue;
        break;
      }
      now_ = when;
      const End next = ends_.top();
      ends_.pop();
      end(groups_[next.group], groups_[next.group].threads[next.thread]);
      begin_what_can(next.group);
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
    may_be_lost_.clear();
    ends_ = {};
    for (const DeviceGroup& group : plans_.back().groups) {
      groups_.push_back(start(group));
      if (groups_.back().lost_at < kNever) may_be_lost_.push_back(groups_.size() - 1);
    }
    begin_everywhere();
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
    running.waiting.assign(group.stations.size(), 0);
    running.expected.assign(group.stations.size(), 0);
    const bool is_pipeline = group.kind == GroupKind::kPipeline;
    for (size_t j = 0; j < (is_pipeline ? group.workers.size() : 1); ++j)
      running.threads.push_back({.worker = j});
    for (int k = 0; k < group.side_threads; ++k) running.threads.push_back({.worker = 0, .is_side = true});
    running.busy.assign(group.workers.size(), 0);
    double main_s = 0;
    for (const Station& station : group.stations) main_s += station.on_side ? 0 : station.seconds;
    for (size_t j = 0; j < group.workers.size(); ++j)
      running.busy[j] = main_s > 0 ? busy_seconds(group, j) / main_s : 1;
    // Loading weights takes the worker's time too.
    if (group.workers.size() == 1) running.busy[0] = 1;
    for (const auto& straggler : scenario_.stragglers) {
      for (SimulatedThread& thread : running.threads) {
        const bool is_it = is_pipeline
                               ? group.workers[thread.worker] == straggler.worker
                               : std::ranges::find(group.workers, straggler.worker) != group.workers.end();
        if (is_it) thread.slowdown *= straggler.slowdown;
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
      if (placement.on_side) continue;
      const auto found = std::ranges::find(placement.workers, group.workers[worker]);
      if (found != placement.workers.end()) {
        seconds += placement.computing_s[size_t(found - placement.workers.begin())];
      }
    }
    return seconds;
  }

  /// Hands what a thread has finished to the next station, where room was kept for it.
  void end(RunningGroup& group, SimulatedThread& thread) {
    const size_t next = thread.station + 1;
    if (next == group.group->stations.size()) {
      run_.done += thread.working;
      run_.pictures[size_t(group.group->workers.back())] += thread.working;
      finished_at_ = now_;
    } else {
      group.expected[next] -= thread.working;
      group.waiting[next] += thread.working;
    }
    add_busy(group, thread, now_ - thread.began_at);
    thread.working = 0;
  }

  /// No group takes a further picture while another has none.
  void begin_everywhere() {
    for (size_t group = 0; group < groups_.size(); ++group) {
      if (is_idle(groups_[group])) begins_something(group, true);
    }
    for (size_t group = 0; group < groups_.size(); ++group) begin_what_can(group);
  }

  /// Has every idle thread of a group begin what it can: of its stations the last one that has pictures, and
  /// room behind.
  void begin_what_can(size_t group) {
    while (!groups_[group].lost && begins_something(group)) {  // what one takes is room for those before it
    }
  }

  static bool is_idle(const RunningGroup& group) {
    return !group.lost && std::ranges::all_of(group.waiting, [](int count) { return count == 0; }) &&
           std::ranges::all_of(group.threads, [](const auto& thread) { return thread.working == 0; });
  }

  bool begins_something(size_t index, bool only_one = false) {
    RunningGroup& group = groups_[index];
    const DeviceGroup& planned = *group.group;
    bool has_begun = false;
    for (size_t t = 0; t < group.threads.size() && !(only_one && has_begun); ++t) {
      SimulatedThread& thread = group.threads[t];
      for (size_t i = planned.stations.size(); i-- > 0 && thread.working == 0;) {
        const Station& station = planned.stations[i];
        if (station.on_side != thread.is_side || station.worker != planned.workers[thread.worker]) continue;
        const bool is_last = i + 1 == planned.stations.size();
        // How many wait before the first station only the source knows.
        const int waiting = i == 0 ? planned.batch : group.waiting[i];
        const int behind = is_last ? 0 : group.waiting[i + 1] + group.expected[i + 1];
        int& from = i == 0 ? queue_ : group.waiting[i];
        const int count = std::min(from, pictures_to_begin(planned, i, planned.batch, waiting, behind));
        if (count <= 0) continue;
        from -= count;
        if (!is_last) group.expected[i + 1] += count;
        if (i == 0) account_memory(planned);
        has_begun = true;
        thread.station = i;
        thread.working = count;
        thread.began_at = now_;
        const double seconds = seconds_at(station, planned, stages_, workers_, count);
        ends_.push({now_ + thread.slowdown * seconds, index, t});
      }
    }
    return has_begun;
  }

  /// Side threads are beside the worker's own time, which without a station of its own is theirs.
  void add_busy(const RunningGroup& group, const SimulatedThread& thread, double seconds) {
    if (thread.is_side) {
      const bool are_all = std::ranges::all_of(group.group->stations, &Station::on_side);
      if (are_all) run_.utilisation[size_t(group.group->workers[0])] += seconds / group.group->side_threads;
      return;
    }
    if (group.group->kind == GroupKind::kPipeline) {
      run_.utilisation[size_t(group.group->workers[thread.worker])] += seconds;
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
    for (SimulatedThread& thread : group.threads) {
      if (thread.working > 0) add_busy(group, thread, now_ - thread.began_at);
      back += thread.working;
    }
    for (const int waiting : group.waiting) back += waiting;
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
  std::vector<size_t> may_be_lost_;  // groups that lose a worker some time
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  SimulatedRun run_;
};

}  // namespace

SimulatedRun simulate(const Plan& plan, const std::vector<Worker>& workers,
                      const std::vector<StageProfile>& stages, int pictures, const Scenario& scenario,
                      const PlanOptions& options) {
  return Simulation(plan, workers, stages, pictures, scenario, options).run();
}

}  // namespace relievo

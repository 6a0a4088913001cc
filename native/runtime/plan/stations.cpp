#include "runtime/plan/stations.h"

#include <algorithm>
#include <map>
#include <utility>

namespace relievo {
namespace {

/// The station's own stages.
std::span<const StagePlacement> placements_of(const Station& station, const DeviceGroup& group) {
  return std::span(group.stages).subspan(station.first, station.last - station.first);
}

const StageMode& mode_of(const StagePlacement& placement, const std::vector<StageProfile>& stages) {
  return stages[size_t(placement.stage)].mode(placement.mode);
}

/// The bytes by which a worker needs more for `batch` pictures than for the group's batch. It is negative
/// where it needs less.
int64_t bytes_beyond(const DeviceGroup& group, const std::vector<StageProfile>& stages, int worker,
                     int batch) {
  int64_t most = 0, most_planned = 0, handed = 0;
  for (const StagePlacement& placement : group.stages) {
    const StageProfile& stage = stages[size_t(placement.stage)];
    handed = std::max(handed, stage.output_bytes_per_picture);
    const bool is_here = std::ranges::find(placement.workers, worker) != placement.workers.end();
    if (!is_here || placement.on_side) continue;
    most = std::max(most, mode_of(placement, stages).workspace(batch));
    most_planned = std::max(most_planned, mode_of(placement, stages).workspace(group.batch));
  }
  // Of a batch at work, and of those that wait before and behind it.
  const auto held = [&](int pictures) {
    if (group.stations.size() < 2) return pictures;
    return 2 * pictures + (group.side_threads > 0 ? room_before_side_threads(pictures) : pictures);
  };
  return most - most_planned + handed * (held(batch) - held(group.batch));
}

}  // namespace

void set_stations(DeviceGroup& group, const std::vector<double>& seconds_beside) {
  const bool is_pipeline = group.kind == GroupKind::kPipeline;
  group.stations.clear();
  for (size_t i = 0; i < group.stages.size(); ++i) {
    const StagePlacement& placement = group.stages[i];
    // Where workers share pictures, the first of them leads.
    const int worker = is_pipeline ? placement.workers[0] : group.workers[0];
    if (group.stations.empty() || group.stations.back().worker != worker ||
        group.stations.back().on_side != placement.on_side) {
      group.stations.push_back({.worker = worker, .on_side = placement.on_side, .first = i});
    }
    Station& station = group.stations.back();
    station.last = i + 1;
    station.seconds += placement.seconds + seconds_beside[i];
  }
  group.latency_s = 0;
  std::map<int, double> busy;  // seconds of a batch, by worker
  double side_s = 0, side_latency_s = 0;
  for (const Station& station : group.stations) {
    if (station.on_side) {
      const int rounds = (group.batch + group.side_threads - 1) / group.side_threads;
      side_s += station.seconds * group.batch / group.side_threads;
      side_latency_s += station.seconds * rounds;
    } else {
      busy[station.worker] += station.seconds;
      group.latency_s += station.seconds;
    }
  }
  double slowest_s = 0;
  for (const auto& [worker, seconds] : busy) slowest_s = std::max(slowest_s, seconds);
  group.interval_s = std::max(slowest_s, side_s);
  // Where the side threads are what others wait for, all of them are busy from the first picture on.
  group.latency_s += side_s > slowest_s ? side_s : side_latency_s;
}

double seconds_at(const Station& station, const DeviceGroup& group, const std::vector<StageProfile>& stages,
                  const std::vector<Worker>& workers, int pictures) {
  if (station.on_side || pictures == group.batch) return station.seconds;
  double seconds = station.seconds;
  for (const StagePlacement& placement : placements_of(station, group)) {
    const StageMode& mode = mode_of(placement, stages);
    const Worker& worker = workers[size_t(placement.workers[0])];
    const double planned = mode.time(group.batch, worker);
    if (planned > 0) seconds += placement.seconds * (mode.time(pictures, worker) / planned - 1);
  }
  return seconds;
}

int pictures_to_begin(const DeviceGroup& group, size_t station, int batch, int waiting, int behind) {
  const int wanted = std::min(waiting, group.stations[station].on_side ? 1 : batch);
  if (station + 1 == group.stations.size()) return wanted;
  const bool is_on_side = group.stations[station].on_side, is_next = group.stations[station + 1].on_side;
  const int room = is_on_side && !is_next   ? batch + group.side_threads
                   : is_next && !is_on_side ? room_before_side_threads(batch)
                                            : batch;
  return behind + wanted <= room ? wanted : 0;
}

int batch_now(const DeviceGroup& group, const std::vector<StageProfile>& stages,
              const std::vector<Worker>& workers, std::span<const int64_t> budgets, int pictures) {
  if (group.kind == GroupKind::kShardedPictures) return group.batch;  // PictureParts
  const auto fits = [&](int batch) {
    for (size_t j = 0; j < group.workers.size(); ++j) {
      const int worker = group.workers[j];
      const int64_t bytes = group.peak_bytes[j] + bytes_beyond(group, stages, worker, batch);
      if (bytes > budgets[size_t(worker)]) return false;
    }
    return true;
  };
  const auto seconds_each = [&](int batch) {
    double seconds = 0;
    for (const Station& station : group.stations) {
      if (!station.on_side) seconds += seconds_at(station, group, stages, workers, batch);
    }
    return seconds / batch;
  };
  const bool has_grown = std::ranges::any_of(group.workers, [&](int worker) {
    return budgets[size_t(worker)] > workers[size_t(worker)].budget_bytes;
  });
  int most = has_grown ? pictures : group.batch;
  for (const StagePlacement& placement : group.stages) {
    if (!placement.on_side) most = std::min(most, stages[size_t(placement.stage)].max_batch);
  }
  int batch = group.batch;
  while (batch > 1 && !fits(batch)) batch /= 2;
  while (batch >= group.batch && 2 * batch <= most && fits(2 * batch) &&
         seconds_each(2 * batch) < (1 - kWorthBatching) * seconds_each(batch)) {
    batch *= 2;
  }
  return batch;
}

}  // namespace relievo

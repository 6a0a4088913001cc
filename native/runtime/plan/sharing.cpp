#include "runtime/plan/sharing.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "runtime/machine/links.h"

namespace relievo {
namespace {

constexpr double kWaitSeconds = 50e-6;  // until every worker has seen that all have come

/// Gives each of `count` equal parts to the worker that would have done it first.
std::vector<int> divide_by_speed(int count, const std::vector<double>& speeds) {
  std::vector<int> parts(speeds.size());
  for (int given = 0; given < count; ++given) {
    size_t best = 0;
    for (size_t j = 1; j < speeds.size(); ++j) {
      if ((parts[j] + 1) / speeds[j] < (parts[best] + 1) / speeds[best]) best = j;
    }
    ++parts[best];
  }
  return parts;
}

/// Nothing where a worker would get no part.
std::optional<SharedStage> shared_in(const SharingQuestion& question, std::vector<size_t> sharers,
                                     const PictureParts& way) {
  std::vector<Worker> workers;
  for (const size_t j : sharers) workers.push_back(question.workers[j]);
  const StageMode& mode = question.stage.on(workers).mode_within(question.fallbacks);
  std::vector<double> speeds;
  double all = 0, link = std::numeric_limits<double>::infinity();
  for (const Worker& worker : workers) {
    speeds.push_back(worker.speed_in(mode.execution.precision));
    all += speeds.back();
    if (&worker != workers.data()) link = std::min(link, bytes_between(workers[0], worker));
  }
  SharedStage shared{.sharers = std::move(sharers),
                     .mode = &mode,
                     .computing = {},
                     .kind = way.kind,
                     .repeated = way.repeated};
  if (way.count > 0) {
    shared.parts = divide_by_speed(way.count, speeds);
    if (std::ranges::find(shared.parts, 0) != shared.parts.end()) return std::nullopt;
  }
  const double work = mode.seconds_per_picture, count = double(workers.size());
  const double alone = mode.seconds / speeds[0] + mode.host_seconds_per_picture / workers[0].threads;
  double longest = 0;
  for (size_t j = 0; j < workers.size(); ++j) {
    const double share = way.count > 0 ? shared.parts[j] / double(way.count) : speeds[j] / all;
    const double computing =
        work * (way.repeated + (1 - way.repeated) * share) / speeds[j] + mode.launching(workers[j]);
    // Weights that come in by layer come to every worker.
    longest = std::max({longest, computing, mode.streamed_bytes / workers[j].host_bytes_per_second});
    shared.computing.push_back(computing + (j == 0 ? alone : 0));
  }
  shared.transfer = double(way.bytes_per_picture) * (count - 1) / count / link + way.waits * kWaitSeconds;
  shared.seconds = alone + longest + shared.transfer;
  return shared;
}

}  // namespace

SharedStage on_one(const SharingQuestion& question, size_t worker) {
  const Worker& alone = question.workers[worker];
  const StageMode& mode = question.stage.on(alone).mode_within(question.fallbacks);
  const double seconds = mode.time(1, alone);
  return {.sharers = {worker}, .mode = &mode, .seconds = seconds, .computing = {seconds}};
}

SharedStage quickest_sharing(const SharingQuestion& question, const std::vector<size_t>& order, bool wanted) {
  SharedStage best = on_one(question, order[0]);
  const auto consider = [&](std::vector<size_t> sharers, const PictureParts& way) {
    auto other = shared_in(question, std::move(sharers), way);
    if (!other) return;
    const bool is_wish = wanted && best.sharers.size() == 1;
    if (other->seconds < best.seconds || is_wish) best = std::move(*other);
  };
  for (const PictureParts& way : question.stage.parts) {
    for (size_t count = 2; count <= order.size(); ++count) {
      consider({order.begin(), order.begin() + std::ptrdiff_t(count)}, way);
    }
    if (way.kind != PartKind::kHalves) continue;
    for (size_t j = 2; j < order.size(); ++j) consider({order[0], order[j]}, way);
  }
  return best;
}

}  // namespace relievo

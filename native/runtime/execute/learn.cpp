#include "runtime/execute/learn.h"

#include <algorithm>

#include <fmt/format.h>

namespace relievo {
namespace {

const Worker* named(const std::vector<Worker>& workers, const std::string& name) {
  const auto found = std::ranges::find(workers, name, &Worker::name);
  return found == workers.end() ? nullptr : &*found;
}

/// The seconds that the first of these workers would take for what all of them computed; 0 where one is not
/// known.
double seconds_alone(const StageRun& run, const std::vector<Worker>& workers) {
  const Worker* first = named(workers, run.devices.front().worker);
  double seconds = 0;
  for (const DeviceSeconds& device : run.devices) {
    const Worker* worker = named(workers, device.worker);
    if (!worker || !first) return 0;
    seconds += device.computing * worker->speed_in(run.mode.precision) / first->speed_in(run.mode.precision);
  }
  return seconds / (1 + double(run.devices.size() - 1) * run.repeated);
}

}  // namespace

std::string link_variant(int from, int to) { return fmt::format("cuda:{} cuda:{}", from, to); }

CostSample link_sample(const Worker& from, int to, int64_t bytes, double seconds) {
  CostSample copy;
  copy.stage = kLinkStage;
  copy.variant = link_variant(from.device, to);
  copy.threads = from.threads;
  copy.weight_bytes = 1 << 30;  // the seconds are those of a GiB
  copy.seconds = seconds * double(copy.weight_bytes) / double(bytes);
  return copy;
}

MeasuredCosts samples_of(std::span<const StageRun> runs, const std::vector<Worker>& workers,
                         const std::vector<Worker>& planned, const std::vector<StageProfile>& profiles,
                         const std::string& size) {
  MeasuredCosts all;
  for (const StageRun& run : runs) {
    const auto profile = std::ranges::find(profiles, run.stage, &StageProfile::name);
    const Worker* first = run.devices.empty() ? nullptr : named(workers, run.devices.front().worker);
    if (profile == profiles.end() || !first) continue;
    CostSample sample;
    sample.stage = run.stage;
    sample.variant = profile->variant;
    sample.size = size;
    sample.mode = run.mode;
    sample.batch = run.batch;
    sample.threads = run.threads > 0 ? run.threads : first->threads;
    sample.speed = first->speed_in(run.mode.precision);
    sample.seconds = run.devices.size() == 1 ? run.devices.front().computing + run.devices.front().transfer
                                             : seconds_alone(run, planned);
    sample.has_bytes = false;
    if (run.devices.size() == 1) {
      sample.weight_bytes = profile->mode(run.mode).weight_bytes;
      (run.is_first_load ? sample.first_load_seconds : sample.load_seconds) = run.load_seconds;
    }
    if (sample.seconds > 0) all[first->product].push_back(std::move(sample));
    for (const DeviceCopy& transfer : run.transfers) {
      constexpr int64_t kWorthMeasuring = 1 << 20;
      const Worker* from = worker_on_gpu(workers, transfer.from);
      if (!from || transfer.to < 0 || transfer.bytes < kWorthMeasuring || transfer.seconds <= 0) continue;
      all[from->product].push_back(link_sample(*from, transfer.to, transfer.bytes, transfer.seconds));
    }
  }
  return all;
}

void set_measured_links(std::vector<Worker>& workers, const MeasuredCosts& measured) {
  for (Worker& from : workers) {
    const auto found = measured.find(from.product);
    if (from.kind != DeviceKind::kCuda || found == measured.end()) continue;
    for (const Worker& to : workers) {
      if (to.kind != DeviceKind::kCuda || to.device == from.device) continue;
      const std::string pair = link_variant(from.device, to.device);
      for (const CostSample& sample : found->second) {
        if (sample.stage != kLinkStage || sample.variant != pair || sample.seconds <= 0) continue;
        from.links[to.device] = double(sample.weight_bytes) / sample.seconds;
      }
    }
  }
}

}  // namespace relievo

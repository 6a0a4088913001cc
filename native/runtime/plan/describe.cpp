#include "runtime/plan/describe.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace relievo {
namespace {

/// A name without the number at its end, and that number.
std::pair<std::string_view, std::string_view> numbered(std::string_view name) {
  const size_t last = name.find_last_not_of("0123456789") + 1;
  return {name.substr(0, last), name.substr(last)};
}

/// Whether two groups do the same, each with its own workers.
bool do_the_same(const DeviceGroup& a, const DeviceGroup& b, const std::vector<Worker>& workers) {
  const auto own = [](const DeviceGroup& group, int worker) {
    return std::ranges::find(group.workers, worker) - group.workers.begin();
  };
  if (a.kind != b.kind || a.batch != b.batch || a.side_threads != b.side_threads ||
      a.peak_bytes != b.peak_bytes || a.workers.size() != b.workers.size())
    return false;
  for (size_t j = 0; j < a.workers.size(); ++j) {
    const Worker &of_a = workers[size_t(a.workers[j])], &of_b = workers[size_t(b.workers[j])];
    if (of_a.budget_bytes != of_b.budget_bytes) return false;
  }
  return std::ranges::equal(a.stages, b.stages, [&](const StagePlacement& p, const StagePlacement& q) {
    const bool are_alike = p.mode == q.mode && p.resident == q.resident && p.ahead == q.ahead &&
                           p.on_side == q.on_side && p.blocks == q.blocks && p.parts == q.parts &&
                           p.part_kind == q.part_kind;
    return are_alike && std::ranges::equal(p.workers, q.workers, [&](int worker, int other) {
             return own(a, worker) == own(b, other);
           });
  });
}

std::string peaks_of(const DeviceGroup& group, const std::vector<Worker>& workers) {
  std::string text;
  for (size_t i = 0; i < group.workers.size(); ++i) {
    text += fmt::format("{}{} of {}", text.empty() ? "" : ", ", format_bytes(group.peak_bytes[i]),
                        format_bytes(workers[size_t(group.workers[i])].budget_bytes));
  }
  return text;
}

std::string stage_list(const DeviceGroup& group, const std::vector<StageProfile>& stages, auto&& wanted) {
  std::string text;
  for (const StagePlacement& placement : group.stages) {
    if (wanted(placement)) text += (text.empty() ? "" : ", ") + stages[size_t(placement.stage)].name;
  }
  return text;
}

/// Says where the costs come from that the plan is based on.
std::string costs_of(const std::vector<StageProfile>& stages) {
  std::string measured, estimated;
  for (const StageProfile& stage : stages) {
    std::string& names = stage.measured ? measured : estimated;
    names += (names.empty() ? "" : ", ") + stage.name;
  }
  if (measured.empty()) return "Costs are estimated; every finished picture measures them.";
  if (estimated.empty()) return "Costs are measured.";
  return fmt::format("Costs are measured for {}, and estimated for {}.", measured, estimated);
}

/// Writes `: views of 256 instead of 320 pixels` for the stages that say so.
std::string what_is_smaller(const Plan& plan, const std::vector<StageProfile>& stages) {
  std::string text;
  for (const StageProfile& stage : stages) {
    const std::string& smaller = stage.mode_within(plan.fallbacks).smaller;
    if (!smaller.empty()) text += (text.empty() ? ": " : ", ") + smaller;
  }
  return text;
}

/// ` (3 + 1)` where workers do not get equally many parts.
std::string divided(const StagePlacement& placement) {
  std::string text;
  for (const int count : placement.parts) text += fmt::format("{}{}", text.empty() ? "" : " + ", count);
  const bool are_equal =
      std::ranges::adjacent_find(placement.parts, std::ranges::not_equal_to()) == placement.parts.end();
  return are_equal ? std::string() : fmt::format(" ({})", text);
}

/// Says what runs on side threads: `; foreground, texture of other pictures run meanwhile on 4 threads of the
/// processor`.
std::string beside(const DeviceGroup& group, const std::vector<StageProfile>& stages) {
  if (group.side_threads == 0) return {};
  return fmt::format("; {} of other pictures run meanwhile on {} thread{} of the processor",
                     stage_list(group, stages, [](const auto& p) { return p.on_side; }), group.side_threads,
                     group.side_threads == 1 ? "" : "s");
}

std::string how_alone(const DeviceGroup& group, const std::vector<Worker>& workers,
                      const std::vector<StageProfile>& stages) {
  switch (group.kind) {
    case GroupKind::kReplica: {
      const std::string waiting = stage_list(group, stages, [](const auto& p) { return !p.resident; });
      if (waiting.empty()) return "makes whole pictures with everything resident";
      const std::string ahead = stage_list(group, stages, [](const auto& p) { return p.ahead; });
      return "makes whole pictures; the weights of " + waiting +
             " wait in host memory while other stages run, since all together do not fit or leave no room "
             "for a batch" +
             (ahead.empty() ? "" : "; those of " + ahead + " come in while the stage before still runs");
    }
    case GroupKind::kPipeline: {
      std::string text = "overlap pictures, each with its own stages resident:";
      for (const int worker : group.workers) {
        text += fmt::format(" {} on {};",
                            stage_list(group, stages, [&](const auto& p) { return p.workers[0] == worker; }),
                            workers[size_t(worker)].name);
      }
      text.pop_back();
      return text;
    }
    case GroupKind::kShardedLayers: {
      const StagePlacement* split = nullptr;
      for (const StagePlacement& placement : group.stages) {
        if (!placement.blocks.empty()) split = &placement;
      }
      std::string blocks;
      if (split) {
        for (const int count : split->blocks) blocks += fmt::format("{}{}", blocks.empty() ? "" : "+", count);
      }
      return fmt::format("share the layers of {} ({} blocks of {}), so that models larger than either fit",
                         stage_list(group, stages, [](const auto& p) { return !p.blocks.empty(); }), blocks,
                         split ? stages[size_t(split->stage)].name : "none");
    }
    case GroupKind::kShardedPictures: {
      std::string ways;
      for (const StagePlacement& placement : group.stages) {
        if (placement.workers.size() < 2) continue;
        ways += fmt::format("{}{} by {}{}", ways.empty() ? "" : ", ", stages[size_t(placement.stage)].name,
                            part_name(placement.part_kind), divided(placement));
      }
      return fmt::format("share every picture ({}), which shortens the wait for one", ways);
    }
  }
  return {};
}

std::string how(const DeviceGroup& group, const std::vector<Worker>& workers,
                const std::vector<StageProfile>& stages) {
  if (std::ranges::all_of(group.stages, &StagePlacement::on_side)) {
    return fmt::format("makes whole pictures, each on one of {} threads of the processor",
                       group.side_threads);
  }
  return how_alone(group, workers, stages) + beside(group, stages);
}

/// The stage of a group whose workers wait longest in it, counted by what they could have done.
std::string limit_of_shared(const DeviceGroup& group, const std::vector<Worker>& workers,
                            const std::vector<StageProfile>& stages) {
  const StagePlacement* worst = nullptr;
  double most = 0;
  for (const StagePlacement& placement : group.stages) {
    double lost = 0;
    for (const int worker : group.workers) lost += placement.seconds * workers[size_t(worker)].speed;
    for (size_t k = 0; k < placement.workers.size(); ++k) {
      lost -= placement.computing_s[k] * workers[size_t(placement.workers[k])].speed;
    }
    if (lost > most) {
      most = lost;
      worst = &placement;
    }
  }
  if (!worst) return {};
  const std::string& name = stages[size_t(worst->stage)].name;
  const std::string& first = workers[size_t(worst->workers[0])].name;
  if (worst->workers.size() == 1)
    return fmt::format("{}, which {} computes alone ({:.2g} s)", name, first, worst->seconds);
  if (worst->transfer_s > 0.5 * worst->seconds)
    return fmt::format("copies between the devices in {} ({:.2g} s)", name, worst->transfer_s);
  return fmt::format("{}, whose parts are not equally long", name);
}

/// The thread, or the side threads, that a group's pictures wait for.
std::string limit_of_stations(const DeviceGroup& group, const std::vector<Worker>& workers) {
  std::map<std::pair<int, bool>, double> busy;  // seconds of a batch, by worker and whether on side threads
  for (const Station& station : group.stations) {
    busy[{station.worker, station.on_side}] +=
        station.on_side ? station.seconds * group.batch / group.side_threads : station.seconds;
  }
  const auto slowest = std::ranges::max_element(busy, {}, [](const auto& one) { return one.second; });
  const auto& [place, seconds] = *slowest;
  const std::string name =
      place.second ? std::string("the processor's threads") : workers[size_t(place.first)].name;
  return fmt::format("the stages on {}, which take longest ({:.2g} s)", name, seconds);
}

/// What keeps a plan from being as much faster as there are devices.
std::string limit_of(const Plan& plan, const std::vector<Worker>& workers,
                     const std::vector<StageProfile>& stages, const PlanOptions& options) {
  if (options.pictures < int(plan.groups.size())) return "the number of pictures";
  if (plan.groups.size() > 1) return plan.idle.empty() ? "" : "the devices that are left idle";
  const DeviceGroup& group = plan.groups.front();
  if (group.side_threads > 0) return limit_of_stations(group, workers);
  if (workers.size() < 2) return {};
  switch (group.kind) {
    case GroupKind::kReplica:
      return plan.idle.empty() ? "" : "the devices that are left idle";
    case GroupKind::kPipeline:
      return limit_of_stations(group, workers);
    case GroupKind::kShardedLayers:
      return "layers, which run one after the other: they are shared for their memory";
    case GroupKind::kShardedPictures:
      return limit_of_shared(group, workers, stages);
  }
  return {};
}

}  // namespace

std::string names_of(const std::vector<int>& indices, const std::vector<Worker>& workers) {
  constexpr size_t kMostRows = 4;
  std::vector<std::string> rows;
  size_t told = 0;
  for (size_t i = 0, end = 0; i < indices.size() && rows.size() < kMostRows; i = end) {
    const auto name = [&](size_t k) -> const std::string& { return workers[size_t(indices[k])].name; };
    end = i + 1;
    while (end < indices.size() && indices[end] == indices[end - 1] + 1 &&
           numbered(name(end)).first == numbered(name(i)).first && !numbered(name(i)).second.empty())
      ++end;
    if (end - i < 4) end = i + 1;
    rows.push_back(end - i == 1 ? name(i) : fmt::format("{} to {}", name(i), name(end - 1)));
    told = end;
  }
  if (told < indices.size()) rows.push_back(fmt::format("and {} more", indices.size() - told));
  return fmt::format("{}", fmt::join(rows, ", "));
}

std::string strategy_name(Strategy strategy) {
  constexpr std::string_view kNames[] = {"auto", "single", "data", "stage", "guidance", "split", "offload"};
  return std::string(kNames[size_t(strategy)]);
}

std::string group_kind_name(GroupKind kind) {
  constexpr std::string_view kNames[] = {"replica", "pipeline", "sharded layers", "sharded pictures"};
  return std::string(kNames[size_t(kind)]);
}

std::string idle_reason_name(IdleReason reason) {
  constexpr std::string_view kNames[] = {"policy", "strategy", "nothing fits", "one picture", "not faster"};
  return std::string(kNames[size_t(reason)]);
}

void explain(Plan& plan, const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
             const PlanOptions& options) {
  // Groups that do the same are described together.
  struct Alike {
    const DeviceGroup* first;
    std::vector<int> others = {};  // the workers of all others
  };
  std::vector<Alike> kinds;
  for (const DeviceGroup& group : plan.groups) {
    const auto kind = std::ranges::find_if(
        kinds, [&](const Alike& one) { return do_the_same(*one.first, group, workers); });
    if (kind == kinds.end()) {
      kinds.push_back({&group});
    } else {
      kind->others.insert(kind->others.end(), group.workers.begin(), group.workers.end());
    }
  }
  for (const auto& [group, others] : kinds) {
    std::vector<int> named = group->workers;
    std::string manner = fmt::format("{}, {} at a time (peak {}).", how(*group, workers, stages),
                                     group->batch, peaks_of(*group, workers));
    const bool is_replica = group->kind == GroupKind::kReplica;
    if (is_replica && !others.empty()) {
      named.insert(named.end(), others.begin(), others.end());
      manner = "each make" + manner.substr(5);
    }
    plan.reasons.push_back(names_of(named, workers) + " " + manner);
    if (is_replica || others.empty()) continue;
    plan.reasons.push_back(
        fmt::format("{} do the same, {} in a group.", names_of(others, workers), group->workers.size()));
  }
  if (plan.groups.size() > 1) {
    plan.reasons.push_back(fmt::format(
        "{} device groups take pictures from one queue, so that fast and slow ones both stay busy.",
        plan.groups.size()));
  }
  if (plan.fallbacks.smaller_input) {
    plan.reasons.push_back(fmt::format("A smaller input changes the result{}. Nothing fits without it.",
                                       what_is_smaller(plan, stages)));
  } else if (plan.fallbacks.half_precision) {
    plan.reasons.emplace_back("Half precision changes the result slightly. Nothing fits without it.");
  } else if (plan.fallbacks.streamed) {
    plan.reasons.emplace_back(
        "The weights of the large networks come from host memory layer by layer while they compute, which "
        "needs the least memory and changes nothing in the result.");
  } else if (plan.fallbacks.tiled) {
    plan.reasons.emplace_back("The VAE decodes in smaller strips, which needs less memory.");
  } else if (plan.fallbacks.chunked) {
    plan.reasons.emplace_back("Stages run in smaller chunks, so that they fit, or more of them at once.");
  } else if (options.policy == Policy::kBalanced) {
    plan.reasons.emplace_back(
        "This plan takes the least memory of those within a tenth of the fastest time.");
  }
  plan.reasons.push_back(costs_of(stages));
  plan.limit = limit_of(plan, workers, stages, options);
  size_t computing = 0;
  for (const DeviceGroup& group : plan.groups) computing += group.workers.size();
  const bool has_side_threads =
      std::ranges::any_of(plan.groups, [](const DeviceGroup& group) { return group.side_threads > 0; });
  if ((computing > 1 || has_side_threads) && plan.alone_s > 0) {
    const double gain = plan.speed_up();
    const std::string limit = plan.limit.empty() ? "" : ", limited by " + plan.limit;
    plan.reasons.push_back(
        gain < 1.05
            ? fmt::format("That is expected to be hardly faster than one device alone{}.", limit)
            : fmt::format("That is expected to be {:.2f} times as fast as one device alone{}.", gain, limit));
  }
}

std::string format_seconds(double seconds) {
  if (seconds < 999.5) return fmt::format("{:.3g} s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string explain_alternative(Strategy other, const Plan* alternative, const Plan& taken,
                                const std::vector<Worker>& workers) {
  const std::string name = strategy_name(other);
  if (!alternative) {
    if (needs_several(other) && workers.size() < 2)
      return fmt::format("The strategy '{}' needs two devices.", name);
    return fmt::format("The strategy '{}' does not fit into the memory.", name);
  }
  if (alternative->seconds <= taken.seconds * (1 + 1e-6)) return {};
  const std::string theirs = format_seconds(alternative->seconds), ours = format_seconds(taken.seconds);
  if (theirs == ours)
    return fmt::format("The strategy '{}' would take as long ({}), or a little longer.", name, ours);
  return fmt::format("The strategy '{}' would take {} instead of {}.", name, theirs, ours);
}

}  // namespace relievo

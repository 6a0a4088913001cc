// Planning of an engine, with the costs and limits that were measured and learnt for its workers.
#include <algorithm>

#include <fmt/format.h>

#include "engine/costs.h"
#include "engine/engine_impl.h"
#include "engine/stages.h"
#include "runtime/plan/describe.h"

namespace relievo {

bool shares_pictures(const Plan& plan) {
  return std::any_of(plan.groups.begin(), plan.groups.end(),
                     [](const DeviceGroup& group) { return group.kind != GroupKind::kReplica; });
}

bool is_better_planned_for_more(const Planned& planned) {
  constexpr int kMany = 32;
  PlanOptions for_many = planned.options;
  for_many.pictures = kMany * planned.options.pictures;
  const Plan plan = find_plan(planned.workers, planned.profiles, for_many);
  return !std::ranges::equal(plan.groups, planned.plan.groups, [](const auto& a, const auto& b) {
    return a.kind == b.kind && a.workers == b.workers && a.batch == b.batch &&
           a.side_threads == b.side_threads;
  });
}

int64_t decoding_bytes_of(Job::State& job) {
  if (!job.decoding) job.decoding = decoding_cost(job.request);
  return job.decoding->file_bytes + job.decoding->decoder_bytes;
}

std::string decoding_sentence(const DecodingCost& cost) {
  constexpr int64_t kMiB = 1 << 20, kWorthSaying = 16 * kMiB;
  if (cost.file_bytes + cost.decoder_bytes < kWorthSaying) return {};
  std::string parts;
  if (cost.file_bytes >= kMiB) parts = fmt::format("{} MiB for its file", cost.file_bytes / kMiB);
  if (cost.decoder_bytes >= kMiB) {
    parts += fmt::format("{}{} MiB to decode it as a whole, for it is {}", parts.empty() ? "" : " and ",
                         cost.decoder_bytes / kMiB, cost.kind);
  }
  return fmt::format("Reading the picture takes {}.", parts);
}

Planned Engine::Impl::plan_for(const std::vector<std::shared_ptr<PipelineStage>>& stages_planned,
                               const Settings& settings, int pictures, int64_t decoding_bytes,
                               const Executor* with) {
  const MeasuredCosts measured = costs->measured();
  Planned planned;
  planned.workers = workers.get();
  if (with) with->look_at_memory(planned.workers);
  prepare(stages_planned, settings, planned.workers, measured, decoding_bytes);
  limit_batches(stages_planned, planned.workers, *costs);
  set_measured_speeds(planned.workers, settings, measured);
  planned.profiles = profiles_of(stages_planned);
  planned.options = {.pictures = pictures,
                     .policy = policy_of(options.policy),
                     .strategy = strategy_of(options.strategy),
                     .allow_lossy = options.allow_lossy};
  // What had no room before is placed elsewhere if that changes nothing in the result; else it is tried
  // again.
  std::vector<StageProfile> raised = planned.profiles;
  for (StageProfile& profile : raised) costs->raise_to_limits(profile);
  PlanOptions exact = planned.options;
  exact.allow_lossy = false;
  try {
    planned.plan = find_plan(planned.workers, raised, exact);
    planned.profiles = std::move(raised);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) throw;
    planned.plan = find_plan(planned.workers, planned.profiles, planned.options);
  }
  PlanOptions for_more = planned.options;
  for_more.pictures = static_cast<int>(planned.workers.size());
  if (!shares_pictures(planned.plan) && pictures < for_more.pictures) {
    planned.plan = find_plan(planned.workers, planned.profiles, for_more);
    planned.options.pictures = for_more.pictures;
  }
  return planned;
}

PlanReport Engine::Impl::explain(const Settings& settings, int pictures) {
  Planned planned = plan_for(make_stages(pipeline_config(settings), models), settings, pictures);
  const Plan& plan = planned.plan;
  if (!shares_pictures(plan)) pictures = std::max(pictures, static_cast<int>(planned.workers.size()));
  planned.options.pictures = pictures;  // the number of pictures that the plan is for
  PlanReport report{.sentences = plan.reasons,
                    .seconds = plan.seconds,
                    .expected_speed_up = plan.speed_up(),
                    .limit = plan.limit};
  for (const IdleWorker& idle : plan.idle) {
    report.idle.push_back({idle.name, idle_reason_name(idle.reason), idle.sentence()});
    report.sentences.push_back(idle.sentence());
  }
  for (const auto& more : {workers.left_out(),
                           describe_alternatives(plan, planned.workers, planned.profiles, planned.options)}) {
    report.sentences.insert(report.sentences.end(), more.begin(), more.end());
  }
  return report;
}

}  // namespace relievo

// How an engine plans: with what was measured and learnt of its slots.
#include <algorithm>

#include "engine/costs.h"
#include "engine/engine_impl.h"

namespace relievo {

bool Engine::Impl::shares_pictures(const Plan& plan) {
  return std::any_of(plan.lanes.begin(), plan.lanes.end(),
                     [](const Lane& lane) { return lane.kind != LaneKind::kSingle; });
}

std::vector<Slot> Engine::Impl::measured_slots(const Settings& settings) {
  std::vector<Slot> measured = slots.get();
  set_measured_speeds(measured, settings);
  return measured;
}

PlanOptions Engine::Impl::plan_options(const std::vector<StageProfile>& profiles,
                                       const std::vector<Slot>& planned, int pictures) const {
  return {.pictures = pictures,
          .policy = policy_of(options.policy),
          .strategy = strategy_of(options.strategy),
          .allow_lossy = options.allow_lossy,
          .batch_limits = batch_limits(profiles, planned)};
}

Plan Engine::Impl::plan_for(const std::vector<StageProfile>& profiles, const std::vector<Slot>& planned,
                            PlanOptions asked) {
  const int slot_count = static_cast<int>(planned.size());
  Plan made = find_plan(planned, profiles, asked);
  if (shares_pictures(made) || asked.pictures >= slot_count) return made;
  asked.pictures = slot_count;
  return find_plan(planned, profiles, asked);
}

std::vector<int> Engine::Impl::batch_limits(const std::vector<StageProfile>& profiles,
                                            const std::vector<Slot>& planned) const {
  std::vector<int> most;
  for (const StageProfile& profile : profiles) {
    int batch = profile.max_batch;
    for (const Slot& slot : planned) batch = limits->batch(slot, profile, profile.modes.front(), batch);
    most.push_back(std::max(batch, 1));
  }
  return most;
}

std::vector<std::string> Engine::Impl::explain(const Settings& settings, int pictures) {
  const auto wanted = make_stages(recipe_of(settings), models);
  prepare(wanted, settings, slots.get());
  const std::vector<StageProfile> profiles = profiles_of(wanted);
  const std::vector<Slot> planned = measured_slots(settings);
  const PlanOptions asked = plan_options(profiles, planned, pictures);
  const Plan made = plan_for(profiles, planned, asked);
  const auto alternatives = describe_alternatives(made, planned, profiles, asked);
  std::vector<std::string> sentences = made.reasons;
  for (const auto& more : {made.idle, slots.left_out(), alternatives}) {
    sentences.insert(sentences.end(), more.begin(), more.end());
  }
  return sentences;
}

}  // namespace relievo

// Describes a plan in words.
#pragma once

#include "runtime/plan/plan.h"

namespace relievo {

std::string strategy_name(Strategy strategy);
std::string group_kind_name(GroupKind kind);
/// `policy`, `strategy`, `nothing fits`, `one picture`, `not faster`.
std::string idle_reason_name(IdleReason reason);

/// Adds the reasons to the plan, and what limits it.
void explain(Plan& plan, const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
             const PlanOptions& options);

/// Says why `other` was not taken; null means that it does not fit. The result is empty when it is the one
/// that was taken.
std::string explain_alternative(Strategy other, const Plan* alternative, const Plan& taken,
                                const std::vector<Worker>& workers);

/// The names of workers, by their index, in ascending order: `cuda:0, cuda:1`; of four and more in a row
/// `80GiB#0 to 80GiB#999`, and of very many rows only the first.
std::string names_of(const std::vector<int>& indices, const std::vector<Worker>& workers);

/// Formats a duration as people read it: `6.39 s`, `78 min`, `2.5 h`.
std::string format_seconds(double seconds);

}  // namespace relievo

#include "runtime/costs/costs.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "runtime/costs/least_squares.h"

namespace relievo {
namespace {

/// A measured number of bytes or seconds of a call, and what the formulas say for it.
struct Measured {
  double batch = 1, once = 0, each = 0;
  double value = 0;
};

/// The fitted form: value = constant + once_scale * once + batch * (per_picture + each_scale * each).
struct FittedForm {
  double constant = 0, once_scale = 0, per_picture = 0, each_scale = 0;

  double at(const Measured& m) const {
    return constant + once_scale * m.once + m.batch * (per_picture + each_scale * m.each);
  }
};

/// Parts that the formulas know are preferred to those that they do not: first both scaled alike, then each
/// by itself.
FittedForm fit_form(const std::vector<Measured>& points) {
  // The relative error that each further part has to save.
  constexpr double kPerPart = 0.004;
  double largest = 0;
  for (const Measured& m : points) largest = std::max(largest, m.value);
  if (largest <= 0) return {};
  std::vector<Column> columns(5);  // the five parts: both, each, once, per picture, constant
  std::vector<double> values;
  for (const Measured& m : points) {
    const double weight = 1 / std::max(m.value, 0.01 * largest);
    const double each = m.batch * m.each;
    const double parts[] = {m.once + each, each, m.once, m.batch, 1};
    for (size_t i = 0; i < columns.size(); ++i) columns[i].push_back(parts[i] * weight);
    values.push_back(m.value * weight);
  }
  const std::vector<double> x = non_negative_least_squares(columns, values, kPerPart);
  return {.constant = x[4], .once_scale = x[0] + x[2], .per_picture = x[3], .each_scale = x[0] + x[1]};
}

/// Scales the form until no measured value lies above it.
FittedForm lifted(FittedForm form, const std::vector<Measured>& points) {
  double most = 1, missing = 0;
  for (const Measured& m : points) {
    if (form.at(m) > 0)
      most = std::max(most, m.value / form.at(m));
    else
      missing = std::max(missing, m.value);
  }
  return {form.constant * most + missing, form.once_scale * most, form.per_picture * most,
          form.each_scale * most};
}

/// Scales the form so that it gives the sum of these values.
FittedForm scaled(const FittedForm& form, const std::vector<Measured>& points) {
  double measured = 0, given = 0;
  for (const Measured& m : points) {
    measured += m.value;
    given += form.at(m);
  }
  const double scale = measured > 0 && given > 0 ? measured / given : 1;
  return {form.constant * scale, form.once_scale * scale, form.per_picture * scale, form.each_scale * scale};
}

}  // namespace

bool is_same_call(const CostSample& a, const CostSample& b) {
  const auto call = [](const CostSample& s) {
    return std::tie(s.stage, s.variant, s.size, s.batch, s.threads);
  };
  return call(a) == call(b) && a.mode.is_like(b.mode);
}

bool ExecutionMode::is_like(const ExecutionMode& other) const {
  return precision == other.precision && chunked == other.chunked && tiled == other.tiled &&
         (input_scale < 1) == (other.input_scale < 1) && streamed == other.streamed;
}

std::string mode_name(const ExecutionMode& mode) {
  if (mode.input_scale < 1) return mode.streamed ? "smaller input, streamed" : "smaller input";
  if (mode.streamed) return "streamed";
  if (mode.tiled) return "tiled";
  return mode.chunked ? "chunked" : "full";
}

bool Fallbacks::include(const Fallbacks& others) const {
  return (chunked || !others.chunked) && (tiled || !others.tiled) &&
         (half_precision || !others.half_precision) && (smaller_input || !others.smaller_input) &&
         (streamed || !others.streamed);
}

int64_t StageMode::workspace(int batch) const {
  return int64_t(std::ceil(workspace_bytes + workspace_bytes_per_picture * batch));
}

const StageProfile& StageProfile::on(std::span<const Worker> workers) const {
  if (in_other_precisions.empty()) return *this;
  const std::string precision = fast_precision(workers);
  const auto other = std::ranges::find_if(in_other_precisions, [&](const StageProfile& profile) {
    return profile.modes.front().execution.precision == precision;
  });
  return other == in_other_precisions.end() ? *this : *other;
}

const StageMode& StageProfile::mode(const ExecutionMode& execution) const {
  const auto among = [&](const StageProfile& profile) -> const StageMode* {
    const auto found = std::ranges::find(profile.modes, execution, &StageMode::execution);
    return found == profile.modes.end() ? nullptr : &*found;
  };
  if (const StageMode* own = among(*this)) return *own;
  for (const StageProfile& other : in_other_precisions) {
    if (const StageMode* found = among(other)) return *found;
  }
  throw Error(ErrorCode::kInternal, fmt::format("The stage '{}' has no mode '{}' in {}.", name,
                                                mode_name(execution), execution.precision));
}

const StageMode& StageProfile::mode_within(const Fallbacks& allowed) const {
  const StageMode* best = &modes.front();
  for (const StageMode& mode : modes) {
    if (allowed.include(fallbacks_of(mode.execution))) best = &mode;
  }
  return *best;
}

Fallbacks StageProfile::fallbacks_of(const ExecutionMode& execution) const {
  return {execution.chunked, execution.tiled, execution.precision != modes.front().execution.precision,
          execution.input_scale < 1, execution.streamed};
}

std::string part_name(PartKind kind) {
  constexpr std::string_view kNames[] = {"networks", "halves of guidance", "strips", "tokens", "points"};
  return std::string(kNames[size_t(kind)]);
}

void fit_costs(StageProfile& profile, const std::vector<CostPoint>& points) {
  double held = 0, held_estimate = 0;  // outputs, summed over the samples that measured them
  for (StageMode& mode : profile.modes) {
    std::vector<Measured> bytes, seconds, as_asked;
    double speed = 1;
    int threads = 1;
    bool has_launches = false;
    for (const auto& [sample, estimate, output_estimate, is_as_asked] : points) {
      if (sample.stage != profile.name || sample.variant != profile.variant ||
          !sample.mode.is_like(mode.execution))
        continue;
      Worker worker;
      worker.threads = threads = sample.threads;
      worker.speed = speed = sample.speed;
      const double batch = sample.batch;
      if (sample.first_load_seconds > 0) mode.first_load_seconds = sample.first_load_seconds;
      has_launches = has_launches || estimate.launch_seconds > 0;
      const double once = estimate.seconds / speed;
      seconds.push_back(
          {batch, once + estimate.launch_seconds, estimate.time(1, worker) - once, sample.seconds});
      if (is_as_asked) as_asked.push_back(seconds.back());
      if (!sample.has_bytes) continue;
      mode.weight_bytes = sample.weight_bytes;
      bytes.push_back({batch, estimate.workspace_bytes, estimate.workspace_bytes_per_picture,
                       double(sample.workspace_bytes)});
      held += double(sample.output_bytes);
      held_estimate += double(output_estimate) * batch;
    }
    if (seconds.empty()) continue;
    if (!bytes.empty()) {
      const FittedForm form = lifted(fit_form(bytes), bytes);
      mode.workspace_bytes = form.constant + form.once_scale * mode.workspace_bytes;
      mode.workspace_bytes_per_picture =
          form.per_picture + form.each_scale * mode.workspace_bytes_per_picture;
    }
    const FittedForm form = scaled(fit_form(seconds), as_asked);
    if (has_launches) mode.seconds += std::exchange(mode.launch_seconds, 0) * speed;
    mode.seconds = form.constant * speed + form.once_scale * mode.seconds;
    mode.seconds_per_picture *= form.each_scale;
    mode.host_seconds_per_picture =
        form.per_picture * threads + form.each_scale * mode.host_seconds_per_picture;
    profile.measured = profile.measured || &mode == profile.modes.data();
  }
  // A mode is not faster than the one before it in the same precision; a measurement that says so is noise.
  for (size_t i = 1; i < profile.modes.size(); ++i) {
    const StageMode& before = profile.modes[i - 1];
    StageMode& mode = profile.modes[i];
    if (mode.execution.input_scale < 1 || mode.execution.precision != before.execution.precision) continue;
    mode.seconds = std::max(mode.seconds, before.seconds);
    mode.seconds_per_picture = std::max(mode.seconds_per_picture, before.seconds_per_picture);
    mode.host_seconds_per_picture = std::max(mode.host_seconds_per_picture, before.host_seconds_per_picture);
  }
  if (held_estimate > 0) {
    profile.output_bytes_per_picture =
        int64_t(std::ceil(double(profile.output_bytes_per_picture) * held / held_estimate));
  }
}

}  // namespace relievo

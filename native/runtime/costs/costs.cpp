#include "runtime/costs/costs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>

#include "base/error.h"

namespace relievo {
namespace {

/// A number of bytes or seconds of a call, and what the formulas say of it.
struct Measured {
  double batch = 1, once = 0, each = 0;
  double value = 0;
};

/// value = constant + once_scale * once + batch * (per_picture + each_scale * each)
struct Bend {
  double constant = 0, once_scale = 0, per_picture = 0, each_scale = 0;

  double at(const Measured& m) const {
    return constant + once_scale * m.once + m.batch * (per_picture + each_scale * m.each);
  }
};

// The parts that a bend can be made of; kAll bends both formulas alike.
enum Part : unsigned { kAll = 1, kEach = 2, kOnce = 4, kPerPicture = 8, kConstant = 16 };

double part_of(unsigned part, const Measured& m) {
  switch (part) {
    case kAll:
      return m.once + m.batch * m.each;
    case kEach:
      return m.batch * m.each;
    case kOnce:
      return m.once;
    case kPerPicture:
      return m.batch;
    default:
      return 1;
  }
}

/// Solves the normal equations; none when the columns depend on each other.
std::optional<std::vector<double>> least_squares(const std::vector<std::vector<double>>& rows,
                                                 const std::vector<double>& values) {
  const size_t n = rows.front().size();
  std::vector<std::vector<double>> m(n, std::vector<double>(n + 1, 0));
  std::vector<double> scale(n, 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < n; ++i) scale[i] = std::max(scale[i], std::abs(row[i]));
  }
  if (std::ranges::any_of(scale, [](double s) { return s <= 0; })) return std::nullopt;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) m[i][j] += rows[r][i] / scale[i] * rows[r][j] / scale[j];
      m[i][n] += rows[r][i] / scale[i] * values[r];
    }
  }
  constexpr double kDependent = 1e-7;
  for (size_t i = 0; i < n; ++i) {  // symmetric and positive: no pivoting
    if (m[i][i] < kDependent) return std::nullopt;
    for (size_t k = 0; k < n; ++k) {
      if (k == i) continue;
      const double factor = m[k][i] / m[i][i];
      for (size_t j = i; j <= n; ++j) m[k][j] -= factor * m[i][j];
    }
  }
  std::vector<double> solution(n);
  for (size_t i = 0; i < n; ++i) solution[i] = m[i][n] / m[i][i] / scale[i];
  return solution;
}

Bend bend_to(const std::vector<Measured>& points) {
  constexpr double kPerPart = 0.004;  // of relative error that a further part has to save
  double largest = 0;
  for (const Measured& m : points) largest = std::max(largest, m.value);
  if (largest <= 0) return {};
  const auto weight = [&](const Measured& m) { return 1 / std::max(m.value, 0.01 * largest); };
  // What the formulas know is tried before what they do not.
  constexpr std::array<unsigned, 19> kChoices{
      kAll,
      kEach,
      kOnce,
      kPerPicture,
      kConstant,
      kOnce | kEach,
      kAll | kPerPicture,
      kAll | kConstant,
      kEach | kPerPicture,
      kEach | kConstant,
      kOnce | kPerPicture,
      kOnce | kConstant,
      kPerPicture | kConstant,
      kOnce | kEach | kPerPicture,
      kOnce | kEach | kConstant,
      kEach | kPerPicture | kConstant,
      kOnce | kPerPicture | kConstant,
      kAll | kPerPicture | kConstant,
      kOnce | kEach | kPerPicture | kConstant,
  };
  Bend best;
  double best_cost = std::numeric_limits<double>::infinity();
  for (const unsigned choice : kChoices) {
    std::vector<unsigned> parts;
    for (unsigned part = kAll; part <= kConstant; part *= 2) {
      if (choice & part) parts.push_back(part);
    }
    if (parts.size() > points.size()) continue;
    std::vector<std::vector<double>> rows;
    std::vector<double> values;
    for (const Measured& m : points) {
      rows.emplace_back();
      for (const unsigned part : parts) rows.back().push_back(part_of(part, m) * weight(m));
      values.push_back(m.value * weight(m));
    }
    const auto solution = least_squares(rows, values);
    if (!solution || std::ranges::any_of(*solution, [](double x) { return x < 0; })) continue;
    Bend bend;
    for (size_t i = 0; i < parts.size(); ++i) {
      const double x = (*solution)[i];
      if (parts[i] & (kAll | kOnce)) bend.once_scale += x;
      if (parts[i] & (kAll | kEach)) bend.each_scale += x;
      if (parts[i] == kPerPicture) bend.per_picture = x;
      if (parts[i] == kConstant) bend.constant = x;
    }
    double squares = 0;
    for (const Measured& m : points) squares += std::pow((bend.at(m) - m.value) * weight(m), 2);
    const double cost = std::sqrt(squares / double(points.size())) + kPerPart * double(parts.size());
    if (cost < best_cost - 1e-9) {
      best_cost = cost;
      best = bend;
    }
  }
  return best;
}

/// Scaled until no measured value lies above it.
Bend lifted(Bend bend, const std::vector<Measured>& points) {
  double most = 1, missing = 0;
  for (const Measured& m : points) {
    if (bend.at(m) > 0)
      most = std::max(most, m.value / bend.at(m));
    else
      missing = std::max(missing, m.value);
  }
  return {bend.constant * most + missing, bend.once_scale * most, bend.per_picture * most,
          bend.each_scale * most};
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
         (input_scale < 1) == (other.input_scale < 1);
}

std::string mode_name(const ExecutionMode& mode) {
  if (mode.input_scale < 1) return "smaller input";
  if (mode.tiled) return "tiled";
  return mode.chunked ? "chunked" : "full";
}

bool Fallbacks::include(const Fallbacks& others) const {
  return (chunked || !others.chunked) && (tiled || !others.tiled) &&
         (half_precision || !others.half_precision) && (smaller_input || !others.smaller_input);
}

int64_t StageMode::workspace(int batch) const {
  return int64_t(std::ceil(workspace_bytes + workspace_bytes_per_picture * batch));
}

const StageMode& StageProfile::mode(const ExecutionMode& execution) const {
  for (const StageMode& mode : modes) {
    if (mode.execution == execution) return mode;
  }
  throw Error(ErrorCode::kInternal, "The stage '" + name + "' has no mode '" + mode_name(execution) +
                                        "' in " + execution.precision + ".");
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
          execution.input_scale < 1};
}

void fit_costs(StageProfile& profile, const std::vector<CostPoint>& points) {
  double held = 0, held_estimate = 0;  // of the outputs, of those that were measured
  for (StageMode& mode : profile.modes) {
    std::vector<Measured> bytes, seconds;
    double speed = 1;
    int threads = 1;
    for (const auto& [sample, estimate, output_estimate] : points) {
      if (sample.stage != profile.name || sample.variant != profile.variant ||
          !sample.mode.is_like(mode.execution))
        continue;
      Slot slot;
      slot.threads = threads = sample.threads;
      slot.speed = speed = sample.speed;
      mode.weight_bytes = sample.weight_bytes;
      const double batch = sample.batch;
      bytes.push_back({batch, estimate.workspace_bytes, estimate.workspace_bytes_per_picture,
                       double(sample.workspace_bytes)});
      const double once = estimate.seconds / speed;
      seconds.push_back({batch, once, estimate.time(1, slot) - once, sample.seconds});
      held += double(sample.output_bytes);
      held_estimate += double(output_estimate) * batch;
    }
    if (bytes.empty()) continue;
    Bend bend = lifted(bend_to(bytes), bytes);
    mode.workspace_bytes = bend.constant + bend.once_scale * mode.workspace_bytes;
    mode.workspace_bytes_per_picture = bend.per_picture + bend.each_scale * mode.workspace_bytes_per_picture;
    bend = bend_to(seconds);
    mode.seconds = bend.constant * speed + bend.once_scale * mode.seconds;
    mode.seconds_per_picture *= bend.each_scale;
    mode.host_seconds_per_picture =
        bend.per_picture * threads + bend.each_scale * mode.host_seconds_per_picture;
    profile.calibrated = profile.calibrated || &mode == profile.modes.data();
  }
  // A mode takes no less time than the one before it in the same precision: what was measured so is noise.
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

// One folder of golden fixtures: its tensors, which of them were read, and how far ours are from them.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include "nn/execution.h"
#include "weights/tensor_file.h"

namespace relievo {

/// A value passes when |ours - theirs| <= absolute + relative * max(1, max |theirs|), for every element.
struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

struct Comparison {
  std::string case_name;  ///< folder/case
  std::string tensor;
  /// The largest; infinite for another shape, type or a value that is not a number.
  double error = 0;
  double tolerance = 0;
  bool passed() const { return error <= tolerance; }
};

/// The part of a tensor's name before the first '/', or "" for a tensor without one.
std::string case_of(const std::string& tensor_name);

/// The number that follows `prefix` in a name: 30 in "intrinsics/fov30.0" after "intrinsics/fov".
double number_after(const std::string& name, const std::string& prefix);

class Fixture {
 public:
  /// Reads config.json, io.safetensors and, where it is there, weights.safetensors of `folder`. Checkers that
  /// can (verify/golden.h) compute as `execution` says; the others do on the CPU in float32.
  Fixture(std::string name, const std::filesystem::path& folder, Execution execution = {});

  const std::string& name() const { return name_; }
  const std::filesystem::path& folder() const { return folder_; }
  const nlohmann::json& config() const { return config_; }
  const TensorFile& io() const { return io_; }
  const TensorFile& weights() const;
  const Execution& execution() const { return execution_; }
  /// Whether numbers are compared as a whole, because they are computed in half precision.
  bool is_half() const { return execution_.dtype != at::kFloat; }

  bool has(const std::string& tensor) const { return io_.contains(tensor); }
  /// Names of all cases, in order.
  std::set<std::string> cases() const;
  /// Names of all tensors that begin with `prefix`, in order.
  std::vector<std::string> tensors(const std::string& prefix = {}) const;

  /// A tensor of the fixture, as input or to be compared by other means; counts as read.
  at::Tensor read(const std::string& tensor);
  /// The same on the execution's device, in its precision where it is of floating point.
  at::Tensor input(const std::string& tensor);

  /// Compares ours with the fixture's tensor of that name: same shape, every element within the tolerance. In
  /// half precision it is the root of the mean squared difference in parts of theirs' standard deviation that
  /// has to be small.
  void compare(const std::string& tensor, const at::Tensor& ours, Tolerance tolerance);
  /// Notes the result of a comparison that was made elsewhere; `tensor` counts as read.
  void record(const std::string& tensor, double error, double tolerance);
  /// Notes that a case could not be computed.
  void fail(const std::string& case_name, const std::string& reason);

  /// Calls `check` for each case; what it throws fails that case alone.
  void for_each_case(const std::function<void(const std::string& case_name)>& check);

  const std::vector<Comparison>& comparisons() const { return comparisons_; }
  std::vector<std::string> unread() const;

 private:
  void compare_as_a_whole(const std::string& tensor, const at::Tensor& ours, const at::Tensor& theirs);

  std::string name_;
  std::filesystem::path folder_;
  Execution execution_;
  nlohmann::json config_;
  TensorFile io_;
  std::optional<TensorFile> weights_;
  std::set<std::string> read_;
  std::vector<Comparison> comparisons_;
};

}  // namespace relievo

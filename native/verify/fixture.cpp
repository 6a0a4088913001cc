#include "verify/fixture.h"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

// What tests/data/golden/README.md allows a network in half precision, in parts of the standard deviation.
constexpr double kBFloat16Share = 0.03, kFloat16Share = 0.003;

}  // namespace

std::string case_of(const std::string& tensor_name) {
  const size_t slash = tensor_name.find('/');
  return slash == std::string::npos ? std::string() : tensor_name.substr(0, slash);
}

double number_after(const std::string& name, const std::string& prefix) {
  return std::stod(name.substr(prefix.size()));
}

Fixture::Fixture(std::string name, const std::filesystem::path& folder, Execution execution)
    : name_(std::move(name)),
      folder_(folder),
      execution_(std::move(execution)),
      io_(read_safetensors(folder / "io.safetensors")) {
  try {
    config_ = read_json(folder / "config.json");
  } catch (const JsonError& error) {
    throw Error(ErrorCode::kIo,
                fmt::format("Cannot read '{}': {}.", (folder / "config.json").string(), error.what()),
                "Check that the folder holds a whole fixture.");
  }
  if (std::filesystem::exists(folder / "weights.safetensors")) {
    weights_ = read_safetensors(folder / "weights.safetensors");
  }
}

const TensorFile& Fixture::weights() const {
  if (!weights_)
    throw Error(ErrorCode::kIo, fmt::format("'{}' has no weights.safetensors.", folder_.string()),
                "Check that the folder holds a whole fixture.");
  return *weights_;
}

std::set<std::string> Fixture::cases() const {
  std::set<std::string> names;
  for (const auto& [name, view] : io_.tensors) names.insert(case_of(name));
  return names;
}

std::vector<std::string> Fixture::tensors(const std::string& prefix) const {
  std::vector<std::string> names;
  for (const auto& [name, view] : io_.tensors) {
    if (name.starts_with(prefix)) names.push_back(name);
  }
  return names;
}

at::Tensor Fixture::read(const std::string& tensor) {
  read_.insert(tensor);
  return tensor_view(io_, tensor);
}

at::Tensor Fixture::input(const std::string& tensor) {
  const at::Tensor given = read(tensor).to(execution_.device);
  return given.is_floating_point() ? given.to(execution_.dtype) : given;
}

void Fixture::compare(const std::string& tensor, const at::Tensor& ours, Tolerance tolerance) {
  const at::Tensor theirs = read(tensor);
  if (is_half()) return compare_as_a_whole(tensor, ours, theirs);
  double limit = tolerance.absolute;
  double error = std::numeric_limits<double>::infinity();
  if (ours.defined() && ours.sizes() == theirs.sizes()) {
    if (theirs.numel() == 0) {
      error = 0;
    } else {
      const at::Tensor reference = theirs.to(at::kDouble);
      limit += tolerance.relative * std::max(1.0, reference.abs().max().item<double>());
      // Written so that a NaN on either side fails.
      const double largest = (ours.to(at::kCPU, at::kDouble) - reference).abs().max().item<double>();
      if (!std::isnan(largest)) error = largest;
    }
  }
  comparisons_.push_back({name_ + "/" + case_of(tensor), tensor, error, limit});
}

void Fixture::compare_as_a_whole(const std::string& tensor, const at::Tensor& ours,
                                 const at::Tensor& theirs) {
  double error = std::numeric_limits<double>::infinity();
  if (ours.defined() && ours.sizes() == theirs.sizes() && theirs.numel() > 1) {
    const at::Tensor reference = theirs.to(at::kDouble);
    const at::Tensor apart = ours.to(at::kCPU, at::kDouble) - reference;
    const double relative = apart.square().mean().sqrt().item<double>() / reference.std().item<double>();
    if (!std::isnan(relative)) error = relative;
  }
  comparisons_.push_back({name_ + "/" + case_of(tensor), tensor, error,
                          execution_.dtype == at::kHalf ? kFloat16Share : kBFloat16Share});
}

void Fixture::record(const std::string& tensor, double error, double tolerance) {
  read_.insert(tensor);
  if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
  comparisons_.push_back({name_ + "/" + case_of(tensor), tensor, error, tolerance});
}

void Fixture::fail(const std::string& case_name, const std::string& reason) {
  comparisons_.push_back({name_ + "/" + case_name, reason, std::numeric_limits<double>::infinity(), 0});
}

void Fixture::for_each_case(const std::function<void(const std::string&)>& check) {
  for (const std::string& name : cases()) {
    try {
      check(name);
    } catch (const std::exception& error) {
      fail(name, error.what());
    }
  }
}

std::vector<std::string> Fixture::unread() const {
  std::vector<std::string> names;
  for (const auto& [name, view] : io_.tensors) {
    if (!read_.contains(name)) names.push_back(name_ + "/" + name);
  }
  return names;
}

}  // namespace relievo

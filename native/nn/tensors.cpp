#include "nn/tensors.h"

#include <map>

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo {
namespace {

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return at::kDouble;
    case DType::kFloat32:
      return at::kFloat;
    case DType::kFloat16:
      return at::kHalf;
    case DType::kBFloat16:
      return at::kBFloat16;
    case DType::kInt64:
      return at::kLong;
    case DType::kInt32:
      return at::kInt;
    case DType::kInt16:
      return at::kShort;
    case DType::kInt8:
      return at::kChar;
    case DType::kUInt8:
      return at::kByte;
    case DType::kBool:
      return at::kBool;
  }
  throw Error(ErrorCode::kInternal, "Unknown element type.");
}

/// Lists names for a message: all of a few, the first of many.
std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  std::string text;
  for (size_t i = 0; i < names.size() && i < kShown; ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text;
  for (const int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

}  // namespace

at::Tensor tensor_view(const TensorFile& file, std::string_view name) {
  const TensorView& view = file.at(name);
  const at::TensorOptions options = at::TensorOptions().dtype(scalar_type(view.dtype));
  // from_blob refuses a null pointer, which an empty file region may have.
  if (view.bytes.empty()) return at::empty(view.shape, options);
  // Older writers do not align the data; torch's kernels want elements where their type may lie.
  if (reinterpret_cast<uintptr_t>(view.bytes.data()) % element_size(view.dtype) != 0) {
    at::Tensor copy = at::empty(view.shape, options);
    std::copy(view.bytes.begin(), view.bytes.end(), static_cast<std::byte*>(copy.data_ptr()));
    return copy;
  }
  return at::from_blob(
      const_cast<std::byte*>(view.bytes.data()), view.shape, [storage = file.storage](void*) {}, options);
}

at::Tensor placeholder(at::IntArrayRef shape) { return at::empty({1}).expand(shape); }

std::vector<std::string> load_strict(torch::nn::Module& module, const TensorFile& file,
                                     const std::string& prefix, const Execution& execution) {
  std::map<std::string, at::Tensor> wanted;
  for (const auto& item : module.named_parameters()) wanted.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) wanted.emplace(item.key(), item.value());

  std::vector<std::string> skipped, unexpected, missing, mis_shaped;
  for (const auto& [name, view] : file.tensors) {
    if (!name.starts_with(prefix)) {
      skipped.push_back(name);
    } else if (!wanted.contains(name.substr(prefix.size()))) {
      unexpected.push_back(name);
    }
  }
  for (const auto& [name, parameter] : wanted) {
    const auto found = file.tensors.find(prefix + name);
    if (found == file.tensors.end()) {
      missing.push_back(prefix + name);
    } else if (parameter.sizes() != at::IntArrayRef(found->second.shape)) {
      mis_shaped.push_back(fmt::format("{} ({} instead of {})", found->first, shape_text(found->second.shape),
                                       shape_text(parameter.sizes())));
    }
  }
  if (!missing.empty() || !unexpected.empty() || !mis_shaped.empty()) {
    std::string message = fmt::format("'{}' does not fit the model.", file.path.string());
    if (!missing.empty()) message += " Missing: " + listed(missing) + ".";
    if (!unexpected.empty()) message += " Unexpected: " + listed(unexpected) + ".";
    if (!mis_shaped.empty()) message += " Wrong shape: " + listed(mis_shaped) + ".";
    throw Error(ErrorCode::kModelMismatch, message,
                "Check that the file is the one that this model asks for.");
  }
  for (auto& [name, parameter] : wanted) {
    const at::Tensor stored = tensor_view(file, prefix + name);
    parameter.set_data(stored.is_floating_point() ? stored.to(execution.device, execution.dtype)
                                                  : stored.to(execution.device));
  }
  return skipped;
}

}  // namespace relievo

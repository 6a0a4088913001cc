#include "nn/tensors.h"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include "base/error.h"
#include "nn/device_weights.h"
#include "nn/streamed_weights.h"
#include "weights/mapped_file.h"

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
  // An empty file region may have a null pointer, which from_blob refuses.
  if (view.bytes.empty()) return at::empty(view.shape, options);
  const bool is_strided = !view.strides.empty();
  // Older writers do not align the data, but torch's kernels want elements at aligned addresses.
  if (reinterpret_cast<uintptr_t>(view.bytes.data()) % element_size(view.dtype) != 0) {
    at::Tensor copy =
        at::empty({static_cast<int64_t>(view.bytes.size() / element_size(view.dtype))}, options);
    std::copy(view.bytes.begin(), view.bytes.end(), static_cast<std::byte*>(copy.data_ptr()));
    return is_strided ? copy.as_strided(view.shape, view.strides) : copy.view(view.shape);
  }
  const auto keep = [storage = file.storage](void*) {};
  auto* data = const_cast<std::byte*>(view.bytes.data());
  return is_strided ? at::from_blob(data, view.shape, view.strides, keep, options)
                    : at::from_blob(data, view.shape, keep, options);
}

namespace {

/// A parameter's tensor on the CPU, which is cast while it is copied, so that nothing of the stored type is
/// ever held in memory.
at::Tensor loaded(const at::Tensor& stored, const Execution& execution) {
  const at::ScalarType dtype = stored.is_floating_point() ? execution.dtype : stored.scalar_type();
  if (stored.scalar_type() == dtype && stored.is_contiguous()) return stored;
  at::Tensor result = at::empty(stored.sizes(), at::TensorOptions().dtype(dtype));
  result.copy_(stored);
  return result;
}

/// The name under which a network's weights wait: what they are made of.
std::string waiting_name(const TensorFile& file, const std::string& prefix, const torch::nn::Module& module,
                         const Execution& execution) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(file.path, error).time_since_epoch().count();
  std::string names;
  for (const std::string& name : module.named_parameters().keys()) names += name + ",";
  return fmt::format("{}|{}|{}|{}|{}", file.path.string(), time, prefix, c10::toString(execution.dtype),
                     std::hash<std::string>()(names));
}

}  // namespace

at::Tensor placeholder(at::IntArrayRef shape) { return at::empty({1}).expand(shape); }

at::TensorOptions options_of(const torch::nn::Module& network) {
  const at::TensorOptions options = network.parameters().front().options();
  if (options.device().is_cpu() && options.dtype() == at::kHalf) {
    throw Error(ErrorCode::kInvalidSettings, "A CPU computes too slowly in float16.",
                "Choose bf16 or fp32 as the precision.");
  }
  return options;
}

std::string PublishedNames::present_name(std::string name) const {
  for (const auto& [old_part, new_part] : renamed) {
    // Dotted names are compared part by part: dots around the whole name let ".query." match at its ends too.
    std::string dotted = "." + name + ".";
    const std::string from = "." + old_part + ".", to = "." + new_part + ".";
    for (size_t at = dotted.find(from); at != std::string::npos; at = dotted.find(from, at + to.size() - 1))
      dotted.replace(at, from.size(), to);
    name = dotted.substr(1, dotted.size() - 2);
  }
  return name;
}

std::vector<std::string> load_strict(torch::nn::Module& module, const TensorFile& file,
                                     const std::string& prefix, const Execution& execution,
                                     const PublishedNames& published) {
  std::map<std::string, at::Tensor> wanted;
  for (const auto& item : module.named_parameters()) wanted.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) wanted.emplace(item.key(), item.value());

  const std::set<std::string> ignored(published.ignored.begin(), published.ignored.end());
  std::vector<std::string> skipped, unexpected, missing, mis_shaped;
  std::map<std::string, std::string> stored_names;  // by the parameter's name
  for (const auto& [stored_name, view] : file.tensors) {
    if (!stored_name.starts_with(prefix)) {
      skipped.push_back(stored_name);
      continue;
    }
    const std::string name = published.present_name(stored_name.substr(prefix.size()));
    if (!wanted.contains(name)) {
      (ignored.contains(name) ? skipped : unexpected).push_back(stored_name);
    } else if (!stored_names.emplace(name, stored_name).second) {
      unexpected.push_back(stored_name);  // under its old name and under its new one
    }
  }
  for (const auto& [name, parameter] : wanted) {
    const auto found = stored_names.find(name);
    if (found == stored_names.end()) {
      missing.push_back(prefix + name);
      continue;
    }
    const TensorView& view = file.at(found->second);
    if (parameter.sizes() != at::IntArrayRef(view.shape)) {
      mis_shaped.push_back(fmt::format("{} ({} instead of {})", found->second, shape_text(view.shape),
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
  if (execution.streamed || execution.device.is_cuda()) {
    std::vector<StoredWeight> weights;  // in the order in which the module registered them
    const auto add = [&](const auto& items) {
      for (const auto& item : items) {
        weights.push_back({item.value(), tensor_view(file, stored_names.at(item.key()))});
      }
    };
    add(module.named_parameters());
    add(module.named_buffers());
    const std::string name = waiting_name(file, prefix, module, execution);
    if (execution.streamed) {
      execution.streamed->keep(std::move(weights), name, execution);
    } else {
      place_on_gpu(weights, name, execution);
    }
  } else {
    for (auto& [name, parameter] : wanted) {
      parameter.set_data(loaded(tensor_view(file, stored_names.at(name)), execution).to(execution.device));
    }
  }
  if (const auto damage = mapped_file_damage()) {
    if (execution.waiting) execution.waiting->clear();
    throw Error(*damage);
  }
  return skipped;
}

std::vector<std::string> load_part(torch::nn::Module& part, const torch::nn::Module& whole,
                                   const TensorFile& file, const std::string& prefix,
                                   const Execution& execution, const std::vector<std::string>& unused) {
  std::set<std::string> own;
  for (const auto& item : part.named_parameters()) own.insert(item.key());
  PublishedNames published{.ignored = unused};
  for (const auto& item : whole.named_parameters()) {
    if (!own.contains(item.key())) published.ignored.push_back(item.key());
  }
  return load_strict(part, file, prefix, execution, published);
}

}  // namespace relievo

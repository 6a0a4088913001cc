#include "train/learn/tensors_to_write.h"

#include <cstring>
#include <span>

#include <ATen/ATen.h>

#include "base/error.h"

namespace relievo {
namespace {

DType dtype_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return DType::kFloat32;
    case at::kDouble:
      return DType::kFloat64;
    case at::kHalf:
      return DType::kFloat16;
    case at::kBFloat16:
      return DType::kBFloat16;
    case at::kInt:
      return DType::kInt32;
    case at::kLong:
      return DType::kInt64;
    case at::kByte:
      return DType::kUInt8;
    default:
      throw Error(ErrorCode::kInternal, "A tensor of this type is not written.");
  }
}

}  // namespace

void TensorsToWrite::add(const std::string& name, const at::Tensor& tensor) {
  const at::Tensor kept = tensor.detach().cpu().contiguous();
  held_[name] = kept;
  views_[name] = {dtype_of(kept.scalar_type()), kept.sizes().vec(),
                  std::as_bytes(std::span(static_cast<const char*>(kept.const_data_ptr()), kept.nbytes()))};
}

void TensorsToWrite::add_text(const std::string& name, std::string_view text) {
  const at::Tensor bytes = at::empty({static_cast<int64_t>(text.size())}, at::kByte);
  std::memcpy(bytes.mutable_data_ptr(), text.data(), text.size());
  add(name, bytes);
}

void TensorsToWrite::write(const std::filesystem::path& path) const { write_safetensors(path, views_); }

std::string text_of(const TensorFile& file, std::string_view name) {
  const auto bytes = file.at(name).bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace relievo

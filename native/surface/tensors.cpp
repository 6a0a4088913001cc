#include "surface/tensors.h"

#include <ATen/ATen.h>

#include "base/error.h"

namespace relievo {
namespace {

template <typename Item>
std::vector<Item> items_of(const at::Tensor& tensor) {
  const at::Tensor rows = tensor.cpu().contiguous();
  const auto* const begin = static_cast<const Item*>(rows.const_data_ptr());
  return {begin, begin + rows.size(0)};
}

}  // namespace

int64_t sum_up(at::Tensor& starts, int64_t largest) {
  const auto sum = starts.sum(at::kLong).item<int64_t>();
  if (sum > largest) {
    throw Error(ErrorCode::kInternal, "The surface has too many faces.", "Choose a smaller grid.");
  }
  starts.cumsum_(0, at::kInt);
  return sum;
}

at::Tensor constant_on(const at::Device& device, const void* data, int64_t bytes) {
  return at::from_blob(const_cast<void*>(data), {bytes}, at::kByte).to(device);
}

Surface surface_of(const at::Tensor& vertices, const at::Tensor& faces) {
  return {items_of<Float3>(vertices), items_of<Int3>(faces)};
}

}  // namespace relievo

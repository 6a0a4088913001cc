#include "verify/byte_tensor.h"

#include <ATen/ATen.h>

#include "base/error.h"

namespace relievo {

ByteImage bytes_from_tensor(const at::Tensor& tensor) {
  if (tensor.scalar_type() != at::kByte || tensor.dim() < 2 || tensor.dim() > 3) {
    throw Error(ErrorCode::kInvalidImage, "The fixture's tensor is not an 8-bit picture.",
                "Check that the folder holds a whole fixture.");
  }
  const at::Tensor source = tensor.contiguous();
  ByteImage image(static_cast<int>(source.size(1)), static_cast<int>(source.size(0)),
                  source.dim() == 3 ? static_cast<int>(source.size(2)) : 1);
  std::copy_n(source.data_ptr<uint8_t>(), image.pixels.size(), image.pixels.begin());
  return image;
}

at::Tensor tensor_from_bytes(const ByteImage& image) {
  at::Tensor tensor = at::empty({image.height, image.width, image.channels}, at::kByte);
  std::copy(image.pixels.begin(), image.pixels.end(), tensor.data_ptr<uint8_t>());
  return tensor;
}

}  // namespace relievo

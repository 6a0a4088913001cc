// Tensors on their way into a safetensors file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "weights/tensor_file.h"

namespace relievo {

class TensorsToWrite {
 public:
  /// Copies to the CPU what is not there. float32, float64, float16, bfloat16, int64, int32 and uint8.
  void add(const std::string& name, const at::Tensor& tensor);
  void add_text(const std::string& name, std::string_view text);

  /// Writes the file whole or not at all. Throws Error{kIo}.
  void write(const std::filesystem::path& path) const;

 private:
  std::map<std::string, at::Tensor> held_;
  std::map<std::string, TensorView, std::less<>> views_;
};

/// A text that add_text() wrote.
std::string text_of(const TensorFile& file, std::string_view name);

}  // namespace relievo

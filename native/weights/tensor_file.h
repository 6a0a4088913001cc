// A file of named tensors, as every weight reader gives it. Nothing here computes, and nothing here can run
// code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relievo {

enum class DType { kFloat64, kFloat32, kFloat16, kBFloat16, kInt64, kInt32, kInt16, kInt8, kUInt8, kBool };

size_t element_size(DType dtype);          ///< bytes
std::string_view dtype_name(DType dtype);  ///< as safetensors writes it: F32, BF16, I64, ...

/// One tensor inside a file: contiguous, row-major, little-endian. The bytes live as long as the TensorFile.
struct TensorView {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  int64_t elements() const;
};

/// A set of tensors by name, and whatever keeps their bytes alive.
struct TensorFile {
  std::filesystem::path path;
  std::map<std::string, TensorView, std::less<>> tensors;
  std::shared_ptr<const void> storage;

  bool contains(std::string_view name) const { return tensors.find(name) != tensors.end(); }
  /// Throws Error{kModelMismatch} that names the tensor and the file.
  const TensorView& at(std::string_view name) const;
};

/// Reads a safetensors file (https://github.com/huggingface/safetensors, format section): 8 bytes of header
/// length, a JSON header, the data. Memory-mapped. Strict: every offset in bounds, sizes equal to shape times
/// element size, no overlap, no gap, no duplicate name; what is not so is Error{kModelCorrupt}. Missing files
/// are Error{kIo}.
TensorFile read_safetensors(const std::filesystem::path& path);

/// Writes one; tensors in the order of their names, 8-byte aligned data.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, TensorView, std::less<>>& tensors);

}  // namespace relievo

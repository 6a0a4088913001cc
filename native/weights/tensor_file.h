// A file of named tensors, as every weight reader returns it. Nothing here computes, and nothing here can run
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

/// One tensor inside a file, little-endian. The bytes live as long as the TensorFile.
struct TensorView {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;   ///< from the first element to the last
  std::vector<int64_t> strides = {};  ///< in elements; empty where contiguous and row-major

  int64_t elements() const;
};

/// A set of tensors by name, and the storage that keeps their bytes alive.
struct TensorFile {
  std::filesystem::path path;
  std::map<std::string, TensorView, std::less<>> tensors;
  std::shared_ptr<const void> storage;

  bool contains(std::string_view name) const { return tensors.find(name) != tensors.end(); }
  /// Returns a tensor by name. Throws Error{kModelMismatch} that names the tensor and the file.
  const TensorView& at(std::string_view name) const;
};

/// Reads a safetensors file (https://github.com/huggingface/safetensors, format section): 8 bytes of header
/// length, a JSON header, the data. The data stays memory-mapped. The reader is strict: every offset in
/// bounds, sizes equal to shape times element size, no overlap, no gap, no duplicate name. Throws
/// Error{kModelCorrupt} for any other file, Error{kIo} for a missing one.
TensorFile read_safetensors(const std::filesystem::path& path);

/// Reads a file that PyTorch's save() wrote: a zip archive (since 1.6) or the older stream of pickles. A
/// `state_dict` inside is taken for the whole; plain values beside the tensors are skipped. The pickle can
/// build tensors and nothing else: a pickle that asks for any other name throws Error{kModelCorrupt} that
/// says which, and so does a damaged, compressed or big-endian file. Tensors stay memory-mapped, and may be
/// strided and share bytes.
TensorFile read_pytorch(const std::filesystem::path& path);

/// Reads the initialisers of an ONNX file, external data files beside it included. A U2-Net, whose exporter
/// numbered the convolutions that it folded a normalisation into, gets the names of the published module.
TensorFile read_onnx(const std::filesystem::path& path);

/// Reads a weight file of any kind above, recognised by its content, or a folder:
/// - one component of a diffusers model (one weight file, or several and their *.index.json);
/// - a whole diffusers model (model_index.json): names begin with the component's, `unet.conv_in.weight`.
/// Missing files are Error{kIo}, anything that cannot be read strictly is Error{kModelCorrupt}.
TensorFile read_weights(const std::filesystem::path& path);

/// The path of the weight file in a component's folder, or of the index of several; empty where there is
/// none.
std::filesystem::path component_weights(const std::filesystem::path& folder);

/// Writes a safetensors file; tensors are in the order of their names, contiguous.
void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, TensorView, std::less<>>& tensors);

}  // namespace relievo

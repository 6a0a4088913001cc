#include <algorithm>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "base/json.h"
#include "weights/corrupt.h"
#include "weights/mapped_file.h"
#include "weights/tensor_file.h"
#include "weights/zip_directory.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::byte>;
using nlohmann::json;

constexpr uint64_t kMaxIndexBytes = 64 << 20;

bool begins_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() &&
         std::equal(text.begin(), text.end(), reinterpret_cast<const char*>(bytes.data()));
}

TensorFile read_file(const fs::path& path) {
  const MappedFile probe(path);
  const Bytes bytes = probe.bytes();
  if (looks_like_zip(bytes) || begins_with(bytes, "\x80")) return read_pytorch(path);
  // A safetensors file begins with the length of its header; the header begins with a brace.
  constexpr size_t kLengthBytes = 8;
  if (bytes.size() > kLengthBytes && bytes[kLengthBytes] == std::byte{'{'}) return read_safetensors(path);
  if (begins_with(bytes, "\x08")) return read_onnx(path);
  const std::string hint = "Weights are read from .safetensors, .ckpt, .bin, .pt and .onnx files.";
  if (begins_with(bytes, "version https://git-lfs"))
    throw corrupt_file(path, "weight file", "it is a Git LFS pointer, not the file itself",
                       "Run git lfs pull, or fetch it again.");
  if (begins_with(bytes, "<"))
    throw corrupt_file(path, "weight file", "it is a web page", "Fetch it again, from its download address.");
  if (bytes.empty()) throw corrupt_file(path, "weight file", "it is empty");
  throw corrupt_file(path, "weight file", "its format is not known", hint);
}

json read_object(const fs::path& path, const std::string& kind) {
  try {
    json value = read_json(path, {.bytes = kMaxIndexBytes});
    if (!value.is_object()) throw JsonError("it is not a JSON object");
    return value;
  } catch (const JsonError& failure) {
    throw corrupt_file(path, kind, failure.what());
  }
}

/// Keeps several files' bytes alive.
using Storage = std::vector<std::shared_ptr<const void>>;

/// Reads the files that an index names for each tensor: {"weight_map": {NAME: FILE, ...}}.
TensorFile read_shards(const fs::path& path) {
  const json index = read_object(path, "index of weight files");
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object())
    throw corrupt_file(path, "index of weight files", "it has no weight_map");
  std::map<std::string, TensorFile> shards;
  auto storage = std::make_shared<Storage>();
  TensorFile result{path, {}, storage};
  for (const auto& [name, shard] : map->items()) {
    const std::string file = shard.is_string() ? shard.get<std::string>() : std::string();
    if (file.empty() || file == ".." || file == "." ||
        file.find_first_of(std::string("/\\\0", 3)) != std::string::npos)
      throw corrupt_file(path, "index of weight files",
                         fmt::format("tensor '{}' lies outside its folder", name));
    auto found = shards.find(file);
    if (found == shards.end()) {
      found = shards.emplace(file, read_file(path.parent_path() / file)).first;
      storage->push_back(found->second.storage);
    }
    const auto tensor = found->second.tensors.find(name);
    if (tensor == found->second.tensors.end())
      throw corrupt_file(path, "index of weight files",
                         fmt::format("tensor '{}' is not in '{}'", name, file));
    result.tensors.emplace(name, tensor->second);
  }
  for (const auto& [file, shard] : shards) {
    for (const auto& [name, tensor] : shard.tensors) {
      if (!result.contains(name))
        throw corrupt_file(path, "index of weight files",
                           fmt::format("it does not name tensor '{}' of '{}'", name, file));
    }
  }
  return result;
}

TensorFile read_component(const fs::path& folder) {
  const fs::path weights = component_weights(folder);
  if (weights.empty()) {
    throw Error(ErrorCode::kIo, fmt::format("There are no weights in '{}'.", folder.string()),
                "Name a weight file, or the folder of a diffusers model.");
  }
  TensorFile file = weights.extension() == ".json" ? read_shards(weights) : read_file(weights);
  file.path = folder;
  return file;
}

/// Reads every folder that model_index.json names and that has weights; schedulers and tokenizers have none.
TensorFile read_diffusers(const fs::path& folder) {
  const json index = read_object(folder / "model_index.json", "diffusers model");
  auto storage = std::make_shared<Storage>();
  TensorFile result{folder, {}, storage};
  for (const auto& [name, value] : index.items()) {
    if (!value.is_array() || name.find_first_of("/\\.") != std::string::npos) continue;
    if (component_weights(folder / name).empty()) continue;
    TensorFile component = read_component(folder / name);
    storage->push_back(component.storage);
    for (auto& [tensor, view] : component.tensors)
      result.tensors.emplace(name + "." + tensor, std::move(view));
  }
  if (result.tensors.empty())
    throw corrupt_file(folder, "diffusers model", "none of its folders holds weights");
  return result;
}

}  // namespace

fs::path component_weights(const fs::path& folder) {
  // The names are those of diffusers and transformers, which prefer safetensors too.
  for (const char* name : {"diffusion_pytorch_model.safetensors", "model.safetensors",
                           "diffusion_pytorch_model.safetensors.index.json", "model.safetensors.index.json",
                           "diffusion_pytorch_model.bin", "pytorch_model.bin",
                           "diffusion_pytorch_model.bin.index.json", "pytorch_model.bin.index.json"}) {
    std::error_code error;
    if (fs::is_regular_file(folder / name, error)) return folder / name;
  }
  return {};
}

TensorFile read_weights(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return read_file(path);
  return fs::exists(path / "model_index.json", error) ? read_diffusers(path) : read_component(path);
}

}  // namespace relievo

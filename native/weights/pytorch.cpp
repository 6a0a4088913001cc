#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include "weights/corrupt.h"
#include "weights/mapped_file.h"
#include "weights/pickle.h"
#include "weights/tensor_file.h"
#include "weights/zip_directory.h"

namespace relievo {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;
using Storages = std::map<std::string, Bytes, std::less<>>;

constexpr std::string_view kUnsafeHint =
    "If you trust where it comes from, save its state dict as safetensors, which needs no program to be "
    "read.";

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

const PickleValue* entry(const PickleValue& dictionary, std::string_view key) {
  if (dictionary.kind != Kind::kDict) return nullptr;
  const PickleValue* found = nullptr;
  for (size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
    const PickleValue& name = *dictionary.items[i];
    if (name.kind == Kind::kText && name.text == key) found = dictionary.items[i + 1];
  }
  return found;
}

/// The number of elements from a tensor's first to its last one, both included. Throws when that does not fit
/// an integer.
uint64_t extent_of(const PickleValue& tensor) {
  uint64_t last = 0;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] == 0) return 0;
    uint64_t step = 0;
    if (__builtin_mul_overflow(static_cast<uint64_t>(tensor.shape[i] - 1),
                               static_cast<uint64_t>(tensor.strides[i]), &step) ||
        __builtin_add_overflow(last, step, &last))
      throw std::runtime_error("its shape is too large");
  }
  return last + 1;
}

/// Throws when the tensor would be larger than `limit` bytes after it is copied out.
void check_size(const PickleValue& tensor, uint64_t limit) {
  if (std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end()) return;
  uint64_t bytes = element_size(tensor.dtype);
  for (const int64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes) || bytes > limit)
      throw std::runtime_error("it would be larger than its file");
  }
}

bool is_contiguous(const PickleValue& tensor) {
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= std::max<int64_t>(tensor.shape[i], 1);
  }
  return true;
}

TensorView view_of(const PickleValue& tensor, const Storages& storages, uint64_t file_bytes) {
  const auto storage = storages.find(tensor.text);
  if (storage == storages.end()) throw std::runtime_error("its data are missing");
  const uint64_t size = element_size(tensor.dtype), held = storage->second.size() / size;
  if (held < static_cast<uint64_t>(tensor.storage_elements))
    throw std::runtime_error("its data are cut short");
  const uint64_t extent = extent_of(tensor), offset = static_cast<uint64_t>(tensor.number);
  if (offset > held || extent > held - offset) throw std::runtime_error("its data lie outside its storage");
  // A small file may well hold an expanded constant, which is no attack.
  constexpr uint64_t kSmall = uint64_t{1} << 20;
  check_size(tensor, std::max(file_bytes, kSmall));
  TensorView view{tensor.dtype, tensor.shape, storage->second.subspan(offset * size, extent * size)};
  if (!is_contiguous(tensor) && extent > 0) view.strides = tensor.strides;
  return view;
}

/// Collects the tensors of a pickled state dict, or of the `state_dict` in it.
void collect(const PickleValue& top, const Storages& storages, uint64_t file_bytes, TensorFile& file) {
  const PickleValue* state = entry(top, "state_dict");
  if (!state) state = &top;
  if (state->kind != Kind::kDict) throw std::runtime_error("it holds no state dict");
  for (size_t i = 0; i + 1 < state->items.size(); i += 2) {
    const PickleValue &name = *state->items[i], &value = *state->items[i + 1];
    if (value.kind != Kind::kTensor) continue;
    if (name.kind != Kind::kText) throw std::runtime_error("a tensor has no name");
    try {
      file.tensors.insert_or_assign(std::string(name.text), view_of(value, storages, file_bytes));
    } catch (const std::runtime_error& reason) {
      throw std::runtime_error(fmt::format("tensor '{}': {}", name.text.substr(0, 200), reason.what()));
    }
  }
  if (file.tensors.empty()) throw std::runtime_error("it holds no tensors");
}

/// Reads an archive: NAME/data.pkl is the pickle, and each NAME/data/KEY a storage.
void read_archive(Bytes bytes, TensorFile& file) {
  const auto entries = read_zip_directory(bytes);
  constexpr std::string_view kPickle = "/data.pkl";
  std::string root;
  for (const auto& [name, content] : entries) {
    if (name.ends_with(kPickle) && name.find('/') == name.size() - kPickle.size())
      root = name.substr(0, name.find('/') + 1);
  }
  if (root.empty()) throw std::runtime_error("it is a zip archive without a data.pkl");
  if (const auto order = entries.find(root + "byteorder");
      order != entries.end() && text_of(order->second) != "little")
    throw std::runtime_error("it was written on a big-endian machine");
  Storages storages;
  const std::string data = root + "data/";
  for (const auto& [name, content] : entries) {
    if (name.starts_with(data)) storages.emplace(name.substr(data.size()), content);
  }
  const Pickle pickle = run_pickle(entries.at(root + "data.pkl"));
  collect(*pickle.top, storages, bytes.size(), file);
}

// The first pickle of the old container is this number.
constexpr std::array<uint8_t, 10> kMagic{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
constexpr int64_t kOldVersion = 1001;

void gather_storages(const Pickle& pickle, std::map<std::string, size_t, std::less<>>& element_sizes) {
  for (const PickleValue& value : pickle.values) {
    if (value.kind == Kind::kStorage) element_sizes.emplace(value.text, element_size(value.dtype));
  }
}

/// Reads the old container, pickles one after the other: magic number, version, facts about the machine, the
/// state dict, the storages' keys; then for each key its number of elements and its data.
void read_stream(Bytes bytes, TensorFile& file) {
  const auto next = [rest = bytes]() mutable {
    Pickle pickle = run_pickle(rest);
    rest = rest.subspan(pickle.bytes);
    return std::pair(std::move(pickle), rest);
  };
  auto next_pickle = next;
  const auto [magic, after_magic] = next_pickle();
  if (magic.top->kind != Kind::kPlain || magic.top->text.size() != kMagic.size() ||
      std::memcmp(magic.top->text.data(), kMagic.data(), kMagic.size()) != 0)
    throw std::runtime_error("it is a pickle of something else");
  const auto [version, after_version] = next_pickle();
  if (version.top->kind != Kind::kInt || version.top->number != kOldVersion)
    throw std::runtime_error("it is of an unknown version");
  const auto [machine, after_machine] = next_pickle();
  const PickleValue* little = entry(*machine.top, "little_endian");
  if (!little || little->kind != Kind::kBool || little->number != 1)
    throw std::runtime_error("it was written on a big-endian machine");
  const auto [state, after_state] = next_pickle();
  const auto [keys, after_keys] = next_pickle();
  if (keys.top->kind != Kind::kSequence) throw std::runtime_error("its storages have no list");

  std::map<std::string, size_t, std::less<>> element_sizes;
  gather_storages(state, element_sizes);
  Storages storages;
  Bytes data = after_keys;
  for (const PickleValue* key : keys.top->items) {
    const auto found = key->kind == Kind::kText ? element_sizes.find(key->text) : element_sizes.end();
    if (found == element_sizes.end()) throw std::runtime_error("it has a storage that nothing uses");
    uint64_t elements = 0, size = 0;
    if (data.size() < sizeof elements) throw std::runtime_error("its data are cut short");
    std::memcpy(&elements, data.data(), sizeof elements);
    data = data.subspan(sizeof elements);
    if (__builtin_mul_overflow(elements, found->second, &size) || size > data.size())
      throw std::runtime_error("its data are cut short");
    if (!storages.emplace(found->first, data.first(size)).second)
      throw std::runtime_error("a storage stands twice");
    data = data.subspan(size);
  }
  collect(*state.top, storages, bytes.size(), file);
}

}  // namespace

TensorFile read_pytorch(const std::filesystem::path& path) {
  auto mapped = std::make_shared<MappedFile>(path);
  TensorFile file{path, {}, mapped};
  const Bytes bytes = mapped->bytes();
  try {
    looks_like_zip(bytes) ? read_archive(bytes, file) : read_stream(bytes, file);
  } catch (const std::runtime_error& reason) {
    mapped->check();
    throw corrupt_file(path, "PyTorch checkpoint", reason.what(), std::string(kUnsafeHint));
  }
  mapped->check();
  return file;
}

}  // namespace relievo

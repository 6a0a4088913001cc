#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "weights/corrupt.h"
#include "weights/mapped_file.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

using Bytes = std::span<const std::byte>;

/// The fields of one protocol buffer message (https://protobuf.dev/programming-guides/encoding), in order.
class Fields {
 public:
  explicit Fields(Bytes message) : rest_(message) {}

  /// Steps to the next field; returns false at the end.
  bool next() {
    if (rest_.empty()) return false;
    const uint64_t key = varint();
    number = key >> 3;
    content = {};
    switch (key & 7) {
      case 0:
        value = varint();
        break;
      case 1:
        content = take(8);
        break;
      case 2:
        content = take(varint());
        break;
      case 5:
        content = take(4);
        break;
      default:
        throw std::runtime_error("it is damaged");
    }
    return true;
  }

  bool at_end() const { return rest_.empty(); }

  uint64_t varint() {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1)[0]);
      result |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return result;
    }
    throw std::runtime_error("it is damaged");
  }

  uint64_t number = 0;
  uint64_t value = 0;  // value of a varint field
  Bytes content;       // value of any other field

 private:
  Bytes take(uint64_t count) {
    if (count > rest_.size()) throw std::runtime_error("it is cut short");
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  Bytes rest_;
};

std::string text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The numbers are those of TensorProto.DataType.
std::optional<DType> dtype_of(uint64_t number) {
  switch (number) {
    case 1:
      return DType::kFloat32;
    case 2:
      return DType::kUInt8;
    case 3:
      return DType::kInt8;
    case 5:
      return DType::kInt16;
    case 6:
      return DType::kInt32;
    case 7:
      return DType::kInt64;
    case 9:
      return DType::kBool;
    case 10:
      return DType::kFloat16;
    case 11:
      return DType::kFloat64;
    case 16:
      return DType::kBFloat16;
    default:
      return std::nullopt;
  }
}

/// Keeps the mapped files alive that a model's tensors lie in.
struct MappedFiles {
  std::map<std::string, MappedFile> files;
  void check() const {
    for (const auto& [name, file] : files) file.check();
  }
};

struct Initialiser {
  std::string name;
  std::vector<int64_t> shape;
  std::optional<DType> dtype;
  std::optional<Bytes> data;
  std::map<std::string, std::string> external;
};

void read_dimensions(const Fields& field, std::vector<int64_t>& shape) {
  const auto add = [&](uint64_t extent) {
    if (extent > uint64_t{1} << 48 || shape.size() >= 64) throw std::runtime_error("a shape is too large");
    shape.push_back(static_cast<int64_t>(extent));
  };
  if (field.content.empty()) return add(field.value);
  for (Fields packed(field.content); !packed.at_end();) add(packed.varint());
}

std::pair<std::string, std::string> read_pair(Bytes message) {
  std::pair<std::string, std::string> pair;
  for (Fields field(message); field.next();) {
    if (field.number == 1) pair.first = text(field.content);
    if (field.number == 2) pair.second = text(field.content);
  }
  return pair;
}

/// Reads a TensorProto: dims = 1, data_type = 2, float_data = 4 (packed), name = 8, raw_data = 9, double_data
/// = 10 (packed), external_data = 13.
Initialiser read_tensor(Bytes message) {
  Initialiser tensor;
  for (Fields field(message); field.next();) {
    switch (field.number) {
      case 1:
        read_dimensions(field, tensor.shape);
        break;
      case 2:
        tensor.dtype = dtype_of(field.value);
        break;
      case 8:
        tensor.name = text(field.content);
        break;
      case 4:
      case 10:
        // Numbers that stand one by one, as proto2 writers may write them, would need a copy; no weight file
        // has them.
        if (tensor.data) throw std::runtime_error("it has unpacked data");
        tensor.data = field.content;
        break;
      case 9:
        tensor.data = field.content;
        break;
      case 13:
        tensor.external.insert(read_pair(field.content));
        break;
      default:
        break;
    }
  }
  return tensor;
}

uint64_t natural(const std::map<std::string, std::string>& facts, const std::string& key,
                 uint64_t otherwise) {
  const auto found = facts.find(key);
  if (found == facts.end()) return otherwise;
  uint64_t value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || stop != end) throw std::runtime_error("its external data have no place");
  return value;
}

Bytes external_data(const Initialiser& tensor, const std::filesystem::path& folder, MappedFiles& files) {
  const auto location = tensor.external.find("location");
  const std::string name = location == tensor.external.end() ? std::string() : location->second;
  // Only files beside the model are read: a model may not point anywhere else.
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(std::string("/\\\0", 3)) != std::string::npos)
    throw std::runtime_error("its external data lie outside its folder");
  const Bytes whole = files.files.try_emplace(name, folder / name).first->second.bytes();
  const uint64_t offset = natural(tensor.external, "offset", 0);
  if (offset > whole.size()) throw std::runtime_error("its external data are cut short");
  const uint64_t length = natural(tensor.external, "length", whole.size() - offset);
  if (length > whole.size() - offset) throw std::runtime_error("its external data are cut short");
  return whole.subspan(offset, length);
}

TensorView view_of(const Initialiser& tensor, Bytes data) {
  uint64_t bytes = element_size(*tensor.dtype);
  for (const int64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes))
      throw std::runtime_error("its shape is too large");
  }
  if (bytes != data.size()) throw std::runtime_error("its data and its shape differ in size");
  return {*tensor.dtype, tensor.shape, data};
}

struct Convolution {
  std::string weight, bias;
};

/// Reads a NodeProto: input = 1, op_type = 4.
std::optional<Convolution> read_convolution(Bytes message) {
  std::vector<std::string> inputs;
  std::string type;
  for (Fields field(message); field.next();) {
    if (field.number == 1) inputs.push_back(text(field.content));
    if (field.number == 4) type = text(field.content);
  }
  if (type != "Conv" || inputs.size() != 3) return std::nullopt;
  return Convolution{inputs[1], inputs[2]};
}

/// The names of U2-Net's convolutions whose normalisation an exporter folds in, in the order in which the
/// network runs: each block's first one, down to its deepest one, and up again (section 3.1 of the paper, and
/// its published module).
std::vector<std::string> u2net_convolutions() {
  struct Block {
    std::string_view name;
    int depth;
  };
  constexpr std::array<Block, 11> kBlocks{{{"stage1", 7},
                                           {"stage2", 6},
                                           {"stage3", 5},
                                           {"stage4", 4},
                                           {"stage5", 4},
                                           {"stage6", 4},
                                           {"stage5d", 4},
                                           {"stage4d", 4},
                                           {"stage3d", 5},
                                           {"stage2d", 6},
                                           {"stage1d", 7}}};
  std::vector<std::string> names;
  for (const auto& [block, depth] : kBlocks) {
    const auto add = [&, stage = block](const std::string& part) {
      names.push_back(fmt::format("{}.rebnconv{}.conv_s1", stage, part));
    };
    add("in");
    for (int i = 1; i <= depth; ++i) add(std::to_string(i));
    for (int i = depth - 1; i >= 1; --i) add(std::to_string(i) + "d");
  }
  return names;
}

/// Gives a folded U2-Net the published names. The exporter kept the names of side1..6 and outconv, by which
/// the network is recognised; the others are told by their place in the graph.
void name_u2net(const std::vector<Convolution>& convolutions, TensorFile& file) {
  std::vector<Convolution> numbered;
  for (const Convolution& convolution : convolutions) {
    if (!convolution.weight.ends_with(".weight")) numbered.push_back(convolution);
  }
  const std::vector<std::string> names = u2net_convolutions();
  if (numbered.size() != names.size() || !file.contains("side6.weight") || !file.contains("outconv.weight"))
    return;
  std::map<std::string, TensorView, std::less<>> renamed;
  for (size_t i = 0; i < names.size(); ++i) {
    renamed[names[i] + ".weight"] = file.at(numbered[i].weight);
    renamed[names[i] + ".bias"] = file.at(numbered[i].bias);
  }
  for (const Convolution& convolution : convolutions) {
    if (!convolution.weight.ends_with(".weight")) continue;
    for (const std::string& name : {convolution.weight, convolution.bias}) renamed[name] = file.at(name);
  }
  file.tensors = std::move(renamed);  // constants of the graph are not weights
}

/// Reads a GraphProto: node = 1, initializer = 5.
void read_graph(Bytes graph, MappedFiles& files, TensorFile& file) {
  std::vector<Convolution> convolutions;
  for (Fields field(graph); field.next();) {
    if (field.number == 1) {
      if (auto convolution = read_convolution(field.content)) convolutions.push_back(std::move(*convolution));
    } else if (field.number == 5) {
      const Initialiser tensor = read_tensor(field.content);
      try {
        if (!tensor.dtype) throw std::runtime_error("it has an unknown type");
        if (!tensor.external.empty()) {
          file.tensors[tensor.name] = view_of(tensor, external_data(tensor, file.path.parent_path(), files));
        } else if (tensor.data) {
          file.tensors[tensor.name] = view_of(tensor, *tensor.data);
        }
        // The other initialisers are integers in a list of their own: sizes and axes, never weights.
      } catch (const std::runtime_error& reason) {
        throw std::runtime_error(fmt::format("tensor '{}': {}", tensor.name.substr(0, 200), reason.what()));
      }
    }
  }
  if (file.tensors.empty()) throw std::runtime_error("it holds no tensors");
  name_u2net(convolutions, file);
}

}  // namespace

TensorFile read_onnx(const std::filesystem::path& path) {
  auto files = std::make_shared<MappedFiles>();
  const Bytes model = files->files.try_emplace("", path).first->second.bytes();
  TensorFile file{path, {}, files};
  try {
    std::optional<Bytes> graph;
    for (Fields field(model); field.next();) {
      if (field.number == 7) graph = field.content;  // ModelProto.graph
    }
    if (!graph) throw std::runtime_error("it has no graph");
    read_graph(*graph, *files, file);
  } catch (const std::runtime_error& reason) {
    files->check();
    throw corrupt_file(path, "ONNX model", reason.what());
  }
  files->check();
  return file;
}

}  // namespace relievo

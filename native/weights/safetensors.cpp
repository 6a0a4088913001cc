#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "weights/mapped_file.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

using nlohmann::json;

struct DTypeFacts {
  std::string_view name;
  size_t size;
};

// The order is that of the enum DType.
constexpr std::array<DTypeFacts, 10> kDTypes{{{"F64", 8},
                                              {"F32", 4},
                                              {"F16", 2},
                                              {"BF16", 2},
                                              {"I64", 8},
                                              {"I32", 4},
                                              {"I16", 2},
                                              {"I8", 1},
                                              {"U8", 1},
                                              {"BOOL", 1}}};

// This is the reference reader's limit. A larger header is an attack or an accident.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::string_view kMetadata = "__metadata__";

struct Range {
  uint64_t begin;
  uint64_t end;
};

uint64_t unsigned_value(const json& value) {
  if (!value.is_number_unsigned()) throw std::runtime_error("a size is not a natural number");
  return value.get<uint64_t>();
}

/// Reads one entry of the header. Throws std::exception with the reason.
Range parse_tensor(const json& entry, uint64_t data_bytes, TensorView& view) {
  if (!entry.is_object() || entry.size() != 3)
    throw std::runtime_error("its entry is not dtype, shape, data_offsets");
  const auto& dtype_text = entry.at("dtype").get_ref<const std::string&>();
  const auto* found =
      std::find_if(kDTypes.begin(), kDTypes.end(), [&](const auto& d) { return d.name == dtype_text; });
  if (found == kDTypes.end()) throw std::runtime_error("unknown dtype " + dtype_text);
  view.dtype = static_cast<DType>(found - kDTypes.begin());

  uint64_t bytes = found->size;
  const json& shape = entry.at("shape");
  if (!shape.is_array()) throw std::runtime_error("its shape is not a list");
  bool is_empty = false;
  for (const json& extent_json : shape) {
    const uint64_t extent = unsigned_value(extent_json);
    if (extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      throw std::runtime_error("its shape is too large");
    is_empty |= extent == 0;
    if (extent != 0 && bytes > std::numeric_limits<uint64_t>::max() / extent)
      throw std::runtime_error("its shape is too large");
    if (extent != 0) bytes *= extent;
    view.shape.push_back(static_cast<int64_t>(extent));
  }
  if (is_empty) bytes = 0;

  const json& offsets = entry.at("data_offsets");
  if (!offsets.is_array() || offsets.size() != 2) throw std::runtime_error("its data_offsets are not a pair");
  const Range range{unsigned_value(offsets[0]), unsigned_value(offsets[1])};
  if (range.begin > range.end || range.end > data_bytes)
    throw std::runtime_error("its data lie outside the file");
  if (range.end - range.begin != bytes) throw std::runtime_error("its data and its shape differ in size");
  return range;
}

}  // namespace

size_t element_size(DType dtype) { return kDTypes.at(static_cast<size_t>(dtype)).size; }
std::string_view dtype_name(DType dtype) { return kDTypes.at(static_cast<size_t>(dtype)).name; }

int64_t TensorView::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

const TensorView& TensorFile::at(std::string_view name) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    throw Error(ErrorCode::kModelMismatch, fmt::format("'{}' has no tensor '{}'.", path.string(), name),
                "The file belongs to another model.");
  }
  return found->second;
}

TensorFile read_safetensors(const std::filesystem::path& path) {
  auto file = std::make_shared<MappedFile>(path);
  const auto corrupt = [&](const std::string& reason) {
    file->check();
    return Error(ErrorCode::kModelCorrupt,
                 fmt::format("'{}' is not a valid safetensors file: {}.", path.string(), reason),
                 "Fetch or copy the file again.");
  };
  const std::span<const std::byte> bytes = file->bytes();
  uint64_t header_bytes = 0;
  if (bytes.size() < sizeof header_bytes) throw corrupt("it is shorter than its header");
  std::memcpy(&header_bytes, bytes.data(), sizeof header_bytes);
  if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - sizeof header_bytes) {
    throw corrupt("its header is longer than the file");
  }
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + sizeof header_bytes;
  const std::span<const std::byte> data = bytes.subspan(sizeof header_bytes + header_bytes);

  TensorFile result{path, {}, file};
  std::vector<Range> ranges;
  try {
    const json header = parse_json({text, header_bytes}, {.bytes = kMaxHeaderBytes, .depth = 4});
    if (!header.is_object()) throw std::runtime_error("the header is not an object");
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadata) continue;
      TensorView view;
      try {
        const Range range = parse_tensor(entry, data.size(), view);
        view.bytes = data.subspan(range.begin, range.end - range.begin);
        ranges.push_back(range);
      } catch (const std::bad_alloc&) {  // this says nothing about the file
        throw;
      } catch (const std::exception& reason) {
        throw std::runtime_error(fmt::format("tensor '{}': {}", name, reason.what()));
      }
      result.tensors.emplace(name, std::move(view));
    }
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& reason) {
    throw corrupt(reason.what());
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t end = 0;
  for (const Range& range : ranges) {
    if (range.begin != end) throw corrupt("its tensors overlap or leave a gap");
    end = range.end;
  }
  if (end != data.size()) throw corrupt("it has data that belong to no tensor");
  file->check();
  return result;
}

void write_safetensors(const std::filesystem::path& path,
                       const std::map<std::string, TensorView, std::less<>>& tensors) {
  json header = json::object();
  uint64_t offset = 0;
  for (const auto& [name, view] : tensors) {
    if (!view.strides.empty()) throw Error(ErrorCode::kInternal, "Only contiguous tensors can be written.");
    header[name] = {{"dtype", dtype_name(view.dtype)},
                    {"shape", view.shape},
                    {"data_offsets", {offset, offset + view.bytes.size()}}};
    offset += view.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t header_bytes = text.size();
  std::vector<std::byte> out(sizeof header_bytes + text.size() + offset);
  std::memcpy(out.data(), &header_bytes, sizeof header_bytes);
  std::memcpy(out.data() + sizeof header_bytes, text.data(), text.size());
  std::byte* at = out.data() + sizeof header_bytes + text.size();
  for (const auto& [name, view] : tensors) at = std::copy(view.bytes.begin(), view.bytes.end(), at);
  write_atomically(path, out);
}

}  // namespace relievo

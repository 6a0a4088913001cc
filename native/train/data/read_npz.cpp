#include <cstring>
#include <span>

#include "base/error.h"
#include "base/numbers.h"
#include "train/data/random.h"
#include "train/data/read_objects.h"

namespace relievo {
namespace {

/// One array of NumPy's format (numpy.lib.format, version 1): unsigned, in C order.
struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;  // the whole file
  size_t first = 0;              // of the values

  template <typename T>
  std::span<const T> values() const {
    return {reinterpret_cast<const T*>(bytes.data() + first), (bytes.size() - first) / sizeof(T)};
  }
};

Error refusal(const std::string& what) {
  return {ErrorCode::kInvalidImage, "The object's arrays cannot be used: " + what + ".",
          "Make the file again."};
}

NpyArray read_array(const Archive& archive, const std::string& name, const std::string& type,
                    int64_t columns) {
  NpyArray array{{}, archive.read(name), 0};
  constexpr size_t kPreamble = 10;
  const char* text = reinterpret_cast<const char*>(array.bytes.data());
  if (array.bytes.size() < kPreamble || std::memcmp(text, "\x93NUMPY\x01", 7) != 0) {
    throw refusal(name + " is no array");
  }
  const size_t length =
      std::to_integer<size_t>(array.bytes[8]) + 256 * std::to_integer<size_t>(array.bytes[9]);
  array.first = kPreamble + length;
  if (array.first > array.bytes.size() || array.first % 2 != 0) throw refusal(name + " is cut");
  const std::string header(text + kPreamble, length);
  if (header.find("'descr': '" + type + "'") == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos) {
    throw refusal(name + " has another type");
  }
  int64_t count = 1;
  const size_t open = header.find("'shape': ("), close = header.find(')', open);
  if (open == std::string::npos || close == std::string::npos) throw refusal(name + " has no shape");
  std::string digits;
  for (size_t i = open + 10; i <= close; ++i) {
    if (header[i] >= '0' && header[i] <= '9') {
      digits += header[i];
    } else if (!digits.empty()) {
      const std::optional<int64_t> size = read_number<int64_t>(digits);
      if (!size || *size > kMostFaces) throw refusal(name + " is too large");
      array.shape.push_back(*size);
      count *= *size;
      digits.clear();
    }
  }
  const bool fits =
      array.shape.size() == (columns == 1 ? 1u : 2u) && (columns == 1 || array.shape[1] == columns);
  const int64_t width = type == "<u2" ? 2 : 1;
  if (!fits || count * width != static_cast<int64_t>(array.bytes.size() - array.first)) {
    throw refusal(name + " has another shape");
  }
  return array;
}

bool has_several_colours(std::span<const uint8_t> colours) {
  for (size_t i = 3; i < colours.size(); ++i) {
    if (colours[i] != colours[i % 3]) return true;
  }
  return false;
}

}  // namespace

Object read_npz(const std::filesystem::path& path, uint64_t seed) {
  const auto archive = open_zip(path);
  const NpyArray v = read_array(*archive, "v.npy", "<u2", 3), f = read_array(*archive, "f.npy", "<u2", 3),
                 m = read_array(*archive, "m.npy", "|u1", 1), c = read_array(*archive, "c.npy", "|u1", 3);
  const int64_t faces = f.shape[0], vertices = v.shape[0];
  if (m.shape[0] != faces || (c.shape[0] != 0 && c.shape[0] != vertices))
    throw refusal("they do not belong together");
  Object object;
  const auto places = v.values<uint16_t>(), corners = f.values<uint16_t>();
  for (int64_t i = 0; i < vertices; ++i) {
    object.surface.vertices.push_back({static_cast<float>(places[3 * i]) / 65535,
                                       static_cast<float>(places[3 * i + 1]) / 65535,
                                       static_cast<float>(places[3 * i + 2]) / 65535});
  }
  int32_t most = 0;
  for (int64_t i = 0; i < faces; ++i) {
    object.surface.faces.push_back({corners[3 * i], corners[3 * i + 1], corners[3 * i + 2]});
    object.face_material.push_back(m.values<uint8_t>()[i]);
    most = std::max(most, object.face_material.back());
  }
  Random random(seed);
  const auto colours = c.values<uint8_t>();
  const bool is_coloured = has_several_colours(colours);
  for (int32_t i = 0; i <= most; ++i) {
    Material material;
    material.roughness = random.between(0.15f, 0.95f);
    if (is_coloured) {
      material.colour = {1, 1, 1};
    } else {
      for (float& channel : material.colour) channel = random.between(0.1f, 0.95f);
    }
    object.materials.push_back(material);
  }
  if (is_coloured) {
    for (int64_t i = 0; i < vertices; ++i) {
      object.vertex_colours.push_back({static_cast<float>(colours[3 * i]) / 255,
                                       static_cast<float>(colours[3 * i + 1]) / 255,
                                       static_cast<float>(colours[3 * i + 2]) / 255});
    }
  }
  return object;
}

}  // namespace relievo

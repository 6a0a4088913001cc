#include "batch/object_view.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/resample.h"
#include "batch/base64.h"
#include "files/animation.h"
#include "files/pictures.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A GLB file (glTF 2.0, section 4.4) is a header of magic, version and length, then chunks of length, type
// and content: JSON first, then the bytes that it describes.
constexpr size_t kHeader = 12;
constexpr size_t kChunkHeader = 8;
constexpr std::string_view kJsonChunk("JSON", 4), kBinaryChunk("BIN\0", 4);

constexpr const char* kWebp = "EXT_texture_webp";
constexpr float kWebpQuality = 85;

/// How a view begins, before the checksum of its GLB file.
constexpr std::string_view kMark = "/* Relievo: an object for relievo-report.html, of ";

uint32_t number_at(std::string_view bytes, size_t place) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + place, sizeof(value));
  return value;
}

void add_number(std::string& bytes, size_t value) {
  const auto narrow = static_cast<uint32_t>(value);
  bytes.append(reinterpret_cast<const char*>(&narrow), sizeof(narrow));
}

void add_chunk(std::string& glb, std::string_view kind, std::string_view content) {
  add_number(glb, content.size());
  glb += kind;
  glb += content;
}

void pad(std::string& bytes, char with) { bytes.resize((bytes.size() + 3) / 4 * 4, with); }

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// A texture as a WebP file of at most kViewTextureSide texels a side.
std::string smaller_texture(std::string_view file) {
  ByteImage picture = to_bytes(read_picture(bytes_of(file), "texture"));
  const int side = std::max(picture.width, picture.height);
  if (side > kViewTextureSide) {
    const auto scaled = [&](int length) { return std::max(1, length * kViewTextureSide / side); };
    picture = resample(picture, scaled(picture.width), scaled(picture.height), ResampleFilter::kBilinear);
  }
  const std::vector<std::byte> webp = encode_animation_frame(picture, kWebpQuality);
  return {reinterpret_cast<const char*>(webp.data()), webp.size()};
}

/// The same GLB with smaller textures. Throws json::exception, JsonError and Error for one that is not sound.
std::string with_smaller_textures(std::string_view glb) {
  if (glb.size() < kHeader + kChunkHeader || !glb.starts_with("glTF")) throw JsonError("it is no GLB file");
  const size_t json_begin = kHeader + kChunkHeader, json_bytes = number_at(glb, kHeader);
  if (json_bytes > glb.size() - json_begin) throw JsonError("it was cut");
  json document = parse_json(glb.substr(json_begin, json_bytes));
  const size_t binary_begin = json_begin + json_bytes + kChunkHeader;
  const std::string_view binary = glb.substr(std::min(binary_begin, glb.size()));
  const auto content_of = [&](const json& view) {
    const auto begin = view.value("byteOffset", size_t{0}), length = view.at("byteLength").get<size_t>();
    if (begin > binary.size() || length > binary.size() - begin) throw JsonError("it was cut");
    return binary.substr(begin, length);
  };

  json& views = document.at("bufferViews");
  std::map<size_t, std::string> textures;  // by the index of what holds them
  if (document.contains("images")) {
    for (json& image : document["images"]) {
      const auto view = image.at("bufferView").get<size_t>();
      textures[view] = smaller_texture(content_of(views.at(view)));
      image["mimeType"] = "image/webp";
    }
    for (json& texture : document.at("textures")) {
      texture["extensions"][kWebp]["source"] = texture.at("source");
      texture.erase("source");
    }
    for (const char* list : {"extensionsUsed", "extensionsRequired"}) document[list].push_back(kWebp);
  }
  std::string content;
  for (size_t i = 0; i < views.size(); ++i) {
    const auto texture = textures.find(i);
    const std::string_view part = texture == textures.end() ? content_of(views[i]) : texture->second;
    views[i]["byteOffset"] = content.size();
    views[i]["byteLength"] = part.size();
    content += part;
    pad(content, '\0');
  }
  document.at("buffers").at(0)["byteLength"] = content.size();
  std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  pad(text, ' ');

  std::string smaller("glTF");
  add_number(smaller, 2);
  add_number(smaller, kHeader + 2 * kChunkHeader + text.size() + content.size());
  add_chunk(smaller, kJsonChunk, text);
  add_chunk(smaller, kBinaryChunk, content);
  return smaller;
}

/// The beginning of a file; empty where it cannot be read.
std::string beginning_of(const fs::path& path, size_t bytes) {
  try {
    std::string text(bytes, '\0');
    text.resize(InputFile(path).read(std::as_writable_bytes(std::span(text))));
    return text;
  } catch (const Error&) {
    return {};
  }
}

/// The text of a view; none where the GLB file is not there any more, or not sound.
std::optional<std::string> view_text(const fs::path& glb, const std::string& mark) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 30;
  try {
    return fmt::format("{}showObject(\"{}\");\n", mark,
                       base64(bytes_of(with_smaller_textures(read_file(glb, kMostBytes)))));
  } catch (const Error&) {
  } catch (const JsonError&) {
  } catch (const json::exception&) {
  }
  return {};
}

}  // namespace

std::string view_of(const fs::path& folder, const std::vector<JournalFile>& files) {
  const auto glb = std::ranges::find_if(
      files, [](const JournalFile& file) { return fs::path(file.path).extension() == ".glb"; });
  if (glb == files.end()) return {};
  const std::string stem = fs::path(glb->path).replace_extension().string();
  const std::string view = stem + "_view.js";
  const std::string mark = fmt::format("{}{} */\n", kMark, glb->sha256);
  std::error_code error;
  if (fs::symlink_status(folder / view, error).type() != fs::file_type::not_found) {
    const std::string found = beginning_of(folder / view, mark.size());
    if (found == mark) return view;
    if (!found.starts_with(kMark)) return {};
  }
  const std::optional<std::string> text = view_text(folder / glb->path, mark);
  if (!text) return {};
  write_atomically(folder / view, bytes_of(*text));
  return view;
}

}  // namespace relievo

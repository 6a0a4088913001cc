#include "files/source_mark.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace relievo {
namespace {

using namespace std::string_view_literals;
namespace fs = std::filesystem;

/// The limit is large enough for headers, comments and a GLB's list of its parts, which are a few kilobytes.
constexpr size_t kMostBytes = size_t{64} << 10;
constexpr std::string_view kZstandard = "\x28\xb5\x2f\xfd";

/// Reads a number of `size` bytes at `place`; returns nothing where the text ends before.
std::optional<uint64_t> number_at(std::string_view text, size_t place, size_t size, bool big_endian = false) {
  if (place > text.size() || size > text.size() - place) return {};
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    const size_t byte = big_endian ? i : size - 1 - i;
    value = value << 8 | static_cast<unsigned char>(text[place + byte]);
  }
  return value;
}

/// Returns the value after "KEY: " or "KEY\0" in the text, up to the end of that line or value.
std::string checksum_in(std::string_view text) {
  constexpr size_t kDigits = 64;
  const size_t key = text.find(kChecksumKey);
  if (key == std::string_view::npos) return {};
  std::string_view value = text.substr(key + std::size(kChecksumKey) - 1);
  while (!value.empty() && (value.front() == ':' || value.front() == ' ' || value.front() == '\0')) {
    value.remove_prefix(1);
  }
  value = value.substr(0, kDigits);
  const bool is_checksum = value.size() == kDigits && std::all_of(value.begin(), value.end(), [](char c) {
                             return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                           });
  return is_checksum ? std::string(value) : std::string();
}

std::string of_glb(std::string_view text) {
  const auto size = number_at(text, 12, 4);
  if (text.size() < 20 || !size || *size > text.size() - 20) return {};
  const std::string_view content = text.substr(20, *size);
  // Only the asset is read, and nothing in it is deeply nested.
  constexpr int kMostDepth = 4;
  using Json = nlohmann::json;
  const auto is_shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMostDepth; };
  const Json json = Json::parse(content.begin(), content.end(), is_shallow, false);
  const Json asset = json.is_object() ? json.value("asset", Json::object()) : Json::object();
  if (!asset.is_object() || !asset.contains("generator") || !asset["generator"].is_string()) return {};
  if (!asset["generator"].get<std::string>().starts_with(kGenerator)) return {};
  const Json extras = asset.value("extras", Json::object());
  if (!extras.is_object() || !extras.contains(kChecksumKey) || !extras[kChecksumKey].is_string()) return {};
  return checksum_in(std::string(kChecksumKey) + ":" + extras[kChecksumKey].get<std::string>());
}

/// Reads the comments at the head of an OBJ, MTL or PLY file, of which the first names Relievo.
std::string of_comments(std::string_view text, std::string_view comment, std::string_view before) {
  if (!text.starts_with(before)) return {};
  text.remove_prefix(before.size());
  bool is_ours = false;
  while (text.starts_with(comment)) {
    const std::string_view line = text.substr(comment.size(), text.find('\n') - comment.size());
    if (line.starts_with(kGenerator)) is_ours = true;
    if (is_ours && line.starts_with(kChecksumKey)) return checksum_in(line);
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return {};
}

/// Reads the head of a binary STL file: 80 bytes, the number of triangles, and 50 bytes for each.
std::string of_stl(std::string_view text, uint64_t size) {
  constexpr size_t kHead = 80, kTriangle = 50;
  const auto triangles = number_at(text, kHead, 4);
  if (!triangles || size != kHead + 4 + *triangles * kTriangle) return {};
  std::string_view head = text.substr(0, kHead);
  head = head.substr(0, head.find_last_not_of(' ') + 1);
  return checksum_in(std::string(kChecksumKey) + ":" + std::string(head.substr(head.rfind(' ') + 1)));
}

/// Reads the text chunks before the pixels (PNG specification, 11.3.3).
std::string of_png(std::string_view text) {
  constexpr std::string_view kSoftware = "Software\0Relievo "sv;
  bool is_ours = false;
  std::string checksum;
  for (size_t place = 8; place + 8 <= text.size();) {
    const size_t size = number_at(text, place, 4, true).value_or(text.size());
    const std::string_view kind = text.substr(place + 4, 4), content = text.substr(place + 8, size);
    if (kind == "IDAT") break;
    if (kind == "tEXt" && content.starts_with(kSoftware)) is_ours = true;
    if (kind == "tEXt" && content.starts_with(kChecksumKey)) checksum = checksum_in(content);
    place += size + 12;
  }
  return is_ours ? checksum : std::string();
}

/// Reads the attributes of the header: name, type, size, value; the last has no name ("The OpenEXR File
/// Layout").
std::string of_exr(std::string_view text) {
  bool is_ours = false;
  std::string checksum;
  size_t place = 8;
  while (place < text.size() && text[place] != '\0') {
    const size_t type = text.find('\0', place);
    if (type == std::string_view::npos) return {};
    const size_t after_type = text.find('\0', type + 1);
    if (after_type == std::string_view::npos) return {};
    const std::string_view name = text.substr(place, type - place);
    const auto size = number_at(text, after_type + 1, 4);
    if (!size || *size > text.size()) return {};
    const std::string_view value = text.substr(std::min(after_type + 5, text.size()), *size);
    if (name == "software" && value.starts_with(kGenerator)) is_ours = true;
    if (name == kChecksumKey) checksum = checksum_in(std::string(kChecksumKey) + ":" + std::string(value));
    place = after_type + 5 + *size;
  }
  return is_ours ? checksum : std::string();
}

/// Returns cup.png for "C:\\pictures\\cup.png" and cups for "views/cups/".
std::string last_part(const std::string& path) {
  const size_t end = path.find_last_not_of("/\\");
  if (end == std::string::npos) return {};
  const size_t begin = path.find_last_of("/\\", end);
  return path.substr(begin == std::string::npos ? 0 : begin + 1,
                     end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

}  // namespace

Provenance without_folders(const Provenance& provenance) {
  Provenance shared = provenance;
  shared.picture = last_part(provenance.picture);
  using Json = nlohmann::ordered_json;
  Json settings = Json::parse(provenance.settings, nullptr, false);
  if (!settings.is_object()) return shared;
  const auto shorten = [](Json& value) {
    if (value.is_string()) value = last_part(value.get<std::string>());
  };
  for (Json& value : settings) {
    shorten(value);
    if (!value.is_array()) continue;
    for (Json& entry : value) {
      shorten(entry);
      if (!entry.is_object()) continue;
      for (Json& word : entry) shorten(word);
    }
  }
  shared.settings = settings.dump(-1, ' ', false, Json::error_handler_t::replace);
  return shared;
}

std::vector<std::string> provenance_lines(const Provenance& provenance) {
  const Provenance shared = without_folders(provenance);
  std::vector<std::string> lines{kGenerator + shared.version};
  const auto add = [&](const std::string& key, const std::string& value) {
    if (!value.empty()) lines.push_back(key + ": " + value);
  };
  add(kChecksumKey, shared.checksum);
  add("picture", shared.picture);
  add("model", shared.model);
  add("settings", shared.settings);
  for (std::string& line : lines) {
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
  }
  return lines;
}

void mark_blend(const fs::path& path, const Provenance& provenance) {
  // Zstandard's format (RFC 8878) has frames that readers skip; its seekable format, which Blender writes, is
  // one of them at the end: a list of the frames before, their number, a byte of flags and a magic number.
  constexpr uint64_t kSkippable = 0x184D2A50, kSeekable = 0x8F92EAB1;
  constexpr size_t kFooter = 9, kFrameHeader = 8;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  if (!content.starts_with(kZstandard)) {
    throw Error(file.is_open() ? ErrorCode::kInvalidSettings : ErrorCode::kIo,
                fmt::format("'{}' is not a compressed .blend file.", path.string()),
                "Save it with compression.");
  }
  size_t end = content.size();
  if (end > kFooter && number_at(content, end - 4, 4) == kSeekable) {
    constexpr uint64_t kHasChecksums = 0x80;
    const size_t entry = (*number_at(content, end - 5, 1) & kHasChecksums) != 0 ? 12 : 8;
    const size_t list = *number_at(content, end - kFooter, 4) * entry + kFooter + kFrameHeader;
    if (list < end) end -= list;
  }
  const std::string text = fmt::format("{}", fmt::join(provenance_lines(provenance), "\n"));
  std::string frame;
  for (const uint64_t value : {kSkippable, static_cast<uint64_t>(text.size())}) {
    for (int shift = 0; shift < 32; shift += 8) frame.push_back(static_cast<char>(value >> shift & 0xff));
  }
  frame += text;
  file.clear();
  file.seekp(static_cast<std::streamoff>(end));
  file << frame << std::string_view(content).substr(end);
  file.close();
  if (!file) {
    throw Error(ErrorCode::kIo, fmt::format("Cannot write '{}'.", path.string()),
                "Check that the disk has space left.");
  }
}

void mark_zip(const fs::path& zip, const Provenance& provenance) {
  // The comment is the end of the archive (APPNOTE.TXT, 4.3.16).
  constexpr size_t kEndRecord = 22, kLargest = 65535;
  std::string comment = fmt::format("{}\n", fmt::join(provenance_lines(provenance), "\n"));
  comment.resize(std::min(comment.size(), kLargest));
  std::fstream file(zip, std::ios::binary | std::ios::in | std::ios::out);
  std::string end(kEndRecord, '\0');
  file.seekg(-static_cast<std::streamoff>(kEndRecord), std::ios::end);
  file.read(end.data(), kEndRecord);
  if (!file || !end.starts_with("PK\x05\x06") || end[20] != 0 || end[21] != 0) {
    throw Error(ErrorCode::kIo, fmt::format("Cannot write '{}': the archive has no end.", zip.string()),
                "Check that the disk has space left.");
  }
  file.seekp(-2, std::ios::end);
  file.put(static_cast<char>(comment.size() & 0xff));
  file.put(static_cast<char>(comment.size() >> 8));
  file << comment;
  file.close();
  if (!file) {
    throw Error(ErrorCode::kIo, fmt::format("Cannot write '{}'.", zip.string()),
                "Check that the disk has space left.");
  }
}

std::string source_checksum(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};  // a pipe would wait for a writer
  std::ifstream file(path, std::ios::binary);
  file.seekg(0, std::ios::end);
  const auto size = static_cast<uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  const auto bytes = static_cast<std::streamsize>(std::min<uint64_t>(size, kMostBytes));
  const auto read = [&](std::ios::seekdir from) {
    std::string part(static_cast<size_t>(bytes), '\0');
    file.clear();
    file.seekg(from == std::ios::end ? -bytes : 0, from);
    file.read(part.data(), bytes);
    part.resize(static_cast<size_t>(file.gcount()));
    return part;
  };
  const std::string head = read(std::ios::beg);
  const std::string_view text = head;
  if (text.starts_with("glTF")) return of_glb(text);
  if (text.starts_with("# ")) return of_comments(text, "# ", "");
  if (text.starts_with("ply\n"))
    return of_comments(text, "comment ", "ply\nformat binary_little_endian 1.0\n");
  if (text.starts_with("\x89PNG\r\n\x1a\n")) return of_png(text);
  if (text.starts_with("\x76\x2f\x31\x01")) return of_exr(text);
  if (text.starts_with(kGenerator)) return of_stl(text, size);
  // An FBX file has its mark near its beginning, a WebP, 3MF or .blend file at its end, as lines of text.
  const bool is_webp = text.starts_with("RIFF") && text.size() >= 12 && text.substr(8, 4) == "WEBP";
  const bool is_blend = text.starts_with(kZstandard), is_zip = text.starts_with("PK\x03\x04");
  const bool is_fbx = text.starts_with("Kaydara FBX Binary");
  if (!is_webp && !is_blend && !is_zip && !is_fbx) return {};
  const std::string tail = is_fbx ? head : read(std::ios::end);
  // Lines hold no line breaks, so that no picture's name can look like the second of them.
  const size_t second = tail.rfind(std::string("\n") + kChecksumKey);
  const size_t first = tail.rfind(kGenerator, second);
  if (second == std::string::npos || first == std::string::npos || tail.find('\n', first) != second)
    return {};
  return checksum_in(std::string_view(tail).substr(second));
}

}  // namespace relievo

#include "files/fbx_document.h"

#include <cstring>
#include <limits>

#include "base/error.h"

namespace relievo::files {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kHead = "Kaydara FBX Binary  \0\x1a\0"sv;
constexpr uint32_t kVersion = 7400;
// A program that checks the foot compares it with the time that the file names (CreationTime in fbx.cpp):
// these bytes belong to that time.
constexpr std::string_view kFoot = "\xfa\xbc\xab\x09\xd0\xc8\xd4\x66\xb1\x76\xfb\x83\x1c\xf7\x26\x7e"sv;
constexpr std::string_view kEnd = "\xf8\x5a\x8c\x6a\xde\xf5\xd9\x7e\xec\xe9\x0c\xe3\x75\x8f\x29\x0b"sv;
constexpr size_t kSentinel = 13;  // the length of a node's head without a name, all zeros

void append_u32(std::string& to, size_t value) {
  for (int shift = 0; shift < 32; shift += 8) to.push_back(static_cast<char>(value >> shift & 0xff));
}

void put_u32(std::string& file, size_t at, size_t value) {
  for (size_t i = 0; i < 4; ++i) file[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

}  // namespace

void FbxNode::add_raw(char type, const void* bytes, size_t size) {
  properties_.push_back(type);
  properties_.append(static_cast<const char*>(bytes), size);
  ++property_count_;
}

template <typename Number>
FbxNode& FbxNode::add_number(char type, Number value) {
  add_raw(type, &value, sizeof(value));
  return *this;
}
template FbxNode& FbxNode::add_number(char, int32_t);
template FbxNode& FbxNode::add_number(char, int64_t);
template FbxNode& FbxNode::add_number(char, double);
template FbxNode& FbxNode::add_number(char, uint8_t);

FbxNode& FbxNode::add_blob(char type, const void* bytes, size_t size) {
  properties_.push_back(type);
  append_u32(properties_, size);
  properties_.append(static_cast<const char*>(bytes), size);
  ++property_count_;
  return *this;
}

FbxNode& FbxNode::with(std::string_view text) { return add_blob('S', text.data(), text.size()); }

FbxNode& FbxNode::with_bytes(std::span<const std::byte> bytes) {
  return add_blob('R', bytes.data(), bytes.size());
}

FbxNode& FbxNode::add_values(char type, const void* values, size_t count, size_t size) {
  properties_.push_back(type);
  append_u32(properties_, count);
  append_u32(properties_, 0);  // not compressed
  append_u32(properties_, count * size);
  properties_.append(static_cast<const char*>(values), count * size);
  ++property_count_;
  return *this;
}

FbxNode& FbxNode::with_array(std::span<const double> values) {
  return add_values('d', values.data(), values.size(), sizeof(double));
}

FbxNode& FbxNode::with_array(std::span<const int32_t> values) {
  return add_values('i', values.data(), values.size(), sizeof(int32_t));
}

void FbxNode::write_to(std::string& file) const {
  const size_t head = file.size();
  append_u32(file, 0);  // where the node ends, which is known below
  append_u32(file, property_count_);
  append_u32(file, properties_.size());
  file.push_back(static_cast<char>(name_.size()));
  file += name_;
  file += properties_;
  for (const FbxNode& node : nodes_) node.write_to(file);
  // A node without properties has a sentinel, too, or readers take it for the end of a list.
  if (!nodes_.empty() || property_count_ == 0) file.append(kSentinel, '\0');
  put_u32(file, head, file.size());
}

std::string fbx_object_name(std::string_view name, std::string_view kind) {
  return std::string(name).append("\0\1"sv).append(kind);
}

std::string fbx_file(std::span<const FbxNode> nodes) {
  std::string file(kHead);
  append_u32(file, kVersion);
  for (const FbxNode& node : nodes) node.write_to(file);
  file.append(kSentinel, '\0');
  file += kFoot;
  file.append(4, '\0');
  // The foot's version begins at a multiple of 16; where it would do so anyway, a whole line is left empty.
  file.append(16 - file.size() % 16, '\0');
  append_u32(file, kVersion);
  file.append(120, '\0');
  file += kEnd;
  if (file.size() > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorCode::kInvalidSettings, "The mesh is too large for an FBX file, which ends at 4 GB.",
                "Use fewer faces, a smaller texture, or another format.");
  }
  return file;
}

}  // namespace relievo::files

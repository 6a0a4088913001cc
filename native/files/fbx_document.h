// The binary form of FBX files: a tree of nodes with typed properties. Internal to files/.
//
// Autodesk publishes no description of it. This follows what Blender's exporter writes (io_scene_fbx,
// encode_bin.py) and what Assimp and Blender read, in version 7.4, whose places in the file have 32 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relievo::files {

/// A node: a name, properties in order, and nodes within it.
class FbxNode {
 public:
  explicit FbxNode(std::string name) : name_(std::move(name)) {}

  // Each of these adds a property and returns this node.
  FbxNode& with(int32_t value) { return add_number('I', value); }
  FbxNode& with(int64_t value) { return add_number('L', value); }
  FbxNode& with(double value) { return add_number('D', value); }
  FbxNode& with(bool value) { return add_number('C', static_cast<uint8_t>(value ? 'Y' : 'N')); }
  FbxNode& with(std::string_view text);
  FbxNode& with(const char* text) { return with(std::string_view(text)); }
  FbxNode& with_bytes(std::span<const std::byte> bytes);
  FbxNode& with_array(std::span<const double> values);
  FbxNode& with_array(std::span<const int32_t> values);

  /// Adds a node within this one. The reference is valid until the next one is added.
  FbxNode& add(std::string name) { return nodes_.emplace_back(std::move(name)); }
  FbxNode& add(FbxNode node) { return nodes_.emplace_back(std::move(node)); }

  /// Appends the node's bytes to what comes before it in the file.
  void write_to(std::string& file) const;

 private:
  template <typename Number>
  FbxNode& add_number(char type, Number value);
  void add_raw(char type, const void* bytes, size_t size);
  FbxNode& add_blob(char type, const void* bytes, size_t size);
  FbxNode& add_values(char type, const void* values, size_t count, size_t size);

  std::string name_;
  std::string properties_;
  uint32_t property_count_ = 0;
  std::vector<FbxNode> nodes_;
};

/// The name of an object and its class, as properties of objects have them.
std::string fbx_object_name(std::string_view name, std::string_view kind);

/// The whole file: its head, the nodes and its foot. Throws Error{kInvalidSettings} for more than 4 GB.
std::string fbx_file(std::span<const FbxNode> nodes);

}  // namespace relievo::files

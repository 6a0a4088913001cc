// Small weight files, written by hand so that they may lie.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace relievo {

template <typename T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// A folder that is gone after the test.
class Scratch {
 public:
  Scratch() { std::filesystem::create_directories(folder_); }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("relievo-weights-" + std::to_string(::getpid()));
};

/// The code and the message of the error that `action` throws.
inline std::pair<ErrorCode, std::string> refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.code(), error.message()};
  }
  ADD_FAILURE() << "was not refused";
  return {ErrorCode::kInternal, {}};
}

struct ZipEntry {
  std::string name, content;
  uint16_t method = 0;
};

/// A zip archive as PyTorch writes it, without checksums; `zip64` puts sizes and offsets into extra fields.
inline std::string zip(const std::vector<ZipEntry>& entries, bool zip64 = false) {
  std::string archive, directory;
  for (const ZipEntry& entry : entries) {
    const uint64_t offset = archive.size(), size = entry.content.size();
    const auto stored = zip64 ? 0xffffffffu : static_cast<uint32_t>(size);
    const std::string extra =
        zip64 ? raw<uint16_t>(1) + raw<uint16_t>(24) + raw(size) + raw(size) + raw(offset) : "";
    archive += raw(0x04034b50u) + raw<uint16_t>(45) + raw<uint16_t>(0) + raw(entry.method) +
               raw<uint32_t>(0) + raw<uint32_t>(0) + raw(static_cast<uint32_t>(size)) +
               raw(static_cast<uint32_t>(size)) + raw(static_cast<uint16_t>(entry.name.size())) +
               raw<uint16_t>(0) + entry.name + entry.content;
    directory += raw(0x02014b50u) + raw<uint16_t>(45) + raw<uint16_t>(45) + raw<uint16_t>(0) +
                 raw(entry.method) + raw<uint32_t>(0) + raw<uint32_t>(0) + raw(stored) + raw(stored) +
                 raw(static_cast<uint16_t>(entry.name.size())) + raw(static_cast<uint16_t>(extra.size())) +
                 raw<uint16_t>(0) + raw<uint16_t>(0) + raw<uint16_t>(0) + raw<uint32_t>(0) +
                 raw(zip64 ? 0xffffffffu : static_cast<uint32_t>(offset)) + entry.name + extra;
  }
  const uint64_t at = archive.size(), count = entries.size(), bytes = directory.size();
  archive += directory;
  if (zip64) {
    const uint64_t record = archive.size();
    archive += raw(0x06064b50u) + raw<uint64_t>(44) + raw<uint16_t>(45) + raw<uint16_t>(45) +
               raw<uint32_t>(0) + raw<uint32_t>(0) + raw(count) + raw(count) + raw(bytes) + raw(at);
    archive += raw(0x07064b50u) + raw<uint32_t>(0) + raw(record) + raw<uint32_t>(1);
  }
  const auto short_count = static_cast<uint16_t>(zip64 ? 0xffff : count);
  return archive + raw(0x06054b50u) + raw<uint16_t>(0) + raw<uint16_t>(0) + raw(short_count) +
         raw(short_count) + raw(zip64 ? 0xffffffffu : static_cast<uint32_t>(bytes)) +
         raw(zip64 ? 0xffffffffu : static_cast<uint32_t>(at)) + raw<uint16_t>(0);
}

// The instructions of a pickle.
inline std::string text(const std::string& value) {
  return std::string("X") + raw(static_cast<uint32_t>(value.size())) + value;
}
inline std::string integer(int64_t value) { return std::string("\x8a\x08", 2) + raw(value); }
inline std::string tuple(const std::vector<int64_t>& values) {
  std::string code = "(";
  for (const int64_t value : values) code += integer(value);
  return code + "t";
}
inline std::string global(const std::string& module, const std::string& name) {
  return std::string("c") + module + "\n" + name + "\n";
}
/// A tensor over the storage `key` of `elements` numbers.
inline std::string tensor(const std::string& key, int64_t elements, int64_t offset,
                          const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                          const std::string& storage = "FloatStorage") {
  return global("torch._utils", "_rebuild_tensor_v2") + "((" + text("storage") + global("torch", storage) +
         text(key) + text("cpu") + integer(elements) + "tQ" + integer(offset) + tuple(shape) +
         tuple(strides) + "\x89" + global("collections", "OrderedDict") + ")RtR";
}
inline std::string pickle(const std::string& code) { return std::string("\x80\x02") + code + "."; }
/// {"a": value}
inline std::string dictionary(const std::string& value) {
  return std::string("}(") + text("a") + value + "u";
}

inline std::string floats(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) bytes += raw(value);
  return bytes;
}

/// A checkpoint of one pickle and one storage, "0".
inline std::string checkpoint(const std::string& code,
                              const std::string& storage = floats({0, 1, 2, 3, 4, 5})) {
  return zip(
      {{"archive/data.pkl", pickle(code)}, {"archive/byteorder", "little"}, {"archive/data/0", storage}});
}

}  // namespace relievo

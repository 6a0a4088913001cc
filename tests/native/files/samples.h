// The parts that the tests of files/ share: the sample pictures, a scratch folder, expected errors.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"
#include "../test_data.h"
#include "files/pictures.h"

namespace relievo {

/// A picture of tests/data/pictures/formats, made by make_formats.py.
inline std::filesystem::path sample(const std::string& name) {
  return test_data() / "pictures/formats" / name;
}

inline std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

inline std::string text_of(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = bytes_of(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Options under which what is noted of a picture goes into a list.
inline PictureOptions noting(std::vector<std::string>& notes) {
  PictureOptions options;
  options.on_note = [&](const std::string& note) { notes.push_back(note); };
  return options;
}

/// "rgb8_png" for "rgb8.png".
inline std::string test_name(const testing::TestParamInfo<const char*>& parameter) {
  std::string name = parameter.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

/// A new folder that goes with the test.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "relievo-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::filesystem::path with(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }
  int files() const {
    const std::filesystem::directory_iterator listing(path_);
    return static_cast<int>(std::distance(begin(listing), end(listing)));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace relievo

// A folder for a test, and the little pictures in it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"

namespace relievo {

class Scratch : public ::testing::Test {
 protected:
  Scratch() {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~Scratch() override { std::filesystem::remove_all(folder); }

  std::filesystem::path write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream(folder / name, std::ios::binary) << content;
    return folder / name;
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder / name, std::ios::binary).rdbuf();
    return text.str();
  }
  /// The names of what lies in a folder, sorted.
  std::vector<std::string> names(const std::string& in) const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder / in)) {
      found.push_back(entry.path().filename().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("relievo-batch-test-" + std::to_string(::getpid()));
};

/// The code and the message of the error that `action` throws.
template <typename Action>
std::pair<ErrorCode, std::string> refusal(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.code(), error.message()};
  }
  ADD_FAILURE() << "was not refused";
  return {ErrorCode::kInternal, {}};
}

}  // namespace relievo

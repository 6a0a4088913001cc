// Which files a result may write over.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace relievo {

/// Files that are kept whoever wrote them, under whatever name.
class KeptFiles {
 public:
  /// A folder stands for the files in it, too.
  explicit KeptFiles(const std::vector<std::filesystem::path>& inputs);
  bool contains(const std::filesystem::path& file) const;

 private:
  void add(const std::filesystem::path& file);

  std::set<std::pair<uint64_t, uint64_t>> identities_;  // device and number of the file
};

/// What lies in a folder; nothing where it cannot be read.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);

/// Those that say that they were made of a picture with one of these checksums (files/source_mark.h) and are
/// no inputs.
class OwnFiles {
 public:
  OwnFiles(const std::vector<std::filesystem::path>& inputs, std::vector<std::string> checksums);

  /// Whether the file is one of them.
  bool contains(const std::filesystem::path& file) const;
  /// Whether it is one of them, or not there.
  bool may_be_written(const std::filesystem::path& file) const;

 private:
  KeptFiles kept_;
  std::vector<std::string> checksums_;
};

}  // namespace relievo

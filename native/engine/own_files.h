// Decides which files a result may overwrite.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace relievo {

/// Files that are never overwritten, whoever wrote them and under whatever name.
class KeptFiles {
 public:
  /// A folder among the inputs also stands for the files in it.
  explicit KeptFiles(const std::vector<std::filesystem::path>& inputs);
  bool contains(const std::filesystem::path& file) const;

 private:
  void add(const std::filesystem::path& file);

  std::set<std::pair<uint64_t, uint64_t>> identities_;  // device and number of each file
};

/// The entries of a folder; none where it cannot be read.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);

/// The files that say they were made of a picture with one of these checksums (files/source_mark.h) and are
/// not inputs.
class OwnFiles {
 public:
  OwnFiles(const std::vector<std::filesystem::path>& inputs, std::vector<std::string> checksums);

  /// Returns whether the file is one of them.
  bool contains(const std::filesystem::path& file) const;
  /// Returns whether the file is one of them, or does not exist.
  bool may_be_written(const std::filesystem::path& file) const;

 private:
  KeptFiles kept_;
  std::vector<std::string> checksums_;
};

}  // namespace relievo

// Files inside a zip archive or below a folder, for readers that follow names from one file to the next.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace relievo {

class Archive {
 public:
  virtual ~Archive() = default;
  virtual bool contains(const std::string& name) const = 0;
  /// Throws Error{kIo} for a file that is missing, damaged or larger than 256 MiB.
  virtual std::vector<std::byte> read(const std::string& name) const = 0;
};

/// Names are those in the archive; a leading slash is left out. Throws Error{kIo} for what is no zip archive.
std::unique_ptr<Archive> open_zip(const std::filesystem::path& path);
/// Names are paths relative to `folder`.
std::unique_ptr<Archive> open_folder(const std::filesystem::path& folder);

}  // namespace relievo

// Fingerprints of results: a key of everything that a result is made of, by content.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/control.h"
#include "batch/batch.h"
#include "batch/journal.h"
#include "batch/list_pictures.h"

namespace relievo {

struct Fingerprint {
  std::string picture;  ///< SHA-256 of its bytes; empty where it cannot be read
  /// SHA-256 of all that the files depend on; empty where something cannot be read.
  std::string key;
};

/// The files that are written of every result.
struct WrittenFiles {
  std::vector<std::string> formats;
  Renders renders;
};

/// Computes the fingerprint of each picture. Reads every file once. Throws Error{kCancelled}.
std::vector<Fingerprint> fingerprints_of(const std::vector<ListedPicture>& pictures,
                                         const WrittenFiles& written, const CancelToken& cancel);
Fingerprint fingerprint_of(const BatchTask& task, const WrittenFiles& written);

/// Every file or folder that is read for these pictures, without repetitions.
std::vector<std::filesystem::path> inputs_of(const std::vector<ListedPicture>& pictures);

/// Describes a file of a result as the journal keeps it; empty where it cannot be read.
std::optional<JournalFile> describe_file(const std::filesystem::path& folder, const std::string& path);
/// Returns whether the file still has the size and checksum that the journal keeps.
bool is_intact(const std::filesystem::path& folder, const JournalFile& file, const Control& control = {});

}  // namespace relievo

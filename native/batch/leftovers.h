// Deals with files that earlier batches left in the folder, and with files that have changed since.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "batch/fingerprint.h"
#include "batch/journal.h"

namespace relievo {

/// Removes half-written files, and folders of frames, of earlier batches whose process has ended: in
/// `folder`, and in its `subfolders`. Those of living processes and of anybody else stay. `has_lock` says
/// that nobody else runs a batch here.
void remove_leftovers(const std::filesystem::path& folder, const std::vector<JournalWriter>& writers,
                      bool has_lock, const std::set<std::filesystem::path>& subfolders);

/// Is called before a result is made again. A file of it that differs from the journal and does not say that
/// Relievo made it of this picture was damaged or is somebody else's: it is kept under another name, which
/// `notes` tells.
void set_damaged_aside(const std::filesystem::path& folder, const JournalResult& result,
                       const Fingerprint& fingerprint, std::vector<std::string>& notes);

}  // namespace relievo

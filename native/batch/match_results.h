// Finds the result in the journal that belongs to each picture, and gives names to new ones.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "batch/fingerprint.h"
#include "batch/journal.h"
#include "batch/list_pictures.h"

namespace relievo {

/// A picture's path as the journal keeps it, which does not depend on the folder that the program was started
/// in.
std::string identity_of_picture(const std::string& picture);

/// For each picture the index of its result in `known`; empty for a new one. A picture is recognised by its
/// path and the name that is wanted, or, where it was moved, by the name and the content. No result belongs
/// to two pictures.
std::vector<std::optional<size_t>> match_results(const std::vector<ListedPicture>& pictures,
                                                 const std::vector<Fingerprint>& fingerprints,
                                                 const std::vector<JournalResult>& known);

/// For each picture the attempt whose files are still there and are what would be made now; null where there
/// is none. Reads all files of these attempts. Throws Error{kCancelled}.
std::vector<const MadeAttempt*> find_intact(const std::filesystem::path& folder,
                                            const std::vector<Fingerprint>& fingerprints,
                                            const std::vector<std::optional<size_t>>& matches,
                                            const std::vector<JournalResult>& known,
                                            const CancelToken& cancel);

/// The names of the pictures' results (engine/result_names.h), each in its folder below `output`. A result
/// that the journal knows keeps its name.
std::vector<std::string> names_of(const std::vector<ListedPicture>& pictures,
                                  const std::vector<Fingerprint>& fingerprints,
                                  const std::vector<std::optional<size_t>>& matches,
                                  const std::vector<JournalResult>& known,
                                  const std::vector<std::filesystem::path>& inputs,
                                  const OutputFolder& output);

/// The folders below the batch's folder in which results lie.
std::set<std::filesystem::path> folders_of(const std::vector<ListedPicture>& pictures);

}  // namespace relievo

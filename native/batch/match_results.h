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

/// A picture's path as the journal keeps it, whatever folder the program was started in.
std::string identity_of_picture(const std::string& picture);

/// For each picture the place of its result in `known`; none for a new one. A picture is known again by its
/// path and the name that is wanted, or, where it was moved, by the name and the content. No result is given
/// away twice.
std::vector<std::optional<size_t>> match_results(const std::vector<ListedPicture>& pictures,
                                                 const std::vector<Fingerprint>& fingerprints,
                                                 const std::vector<JournalResult>& known);

/// For each picture the try that made what is still there and would be made now; null where there is none.
/// Reads all files of these tries. Throws Error{kCancelled}.
std::vector<const MadeAttempt*> find_intact(const std::filesystem::path& folder,
                                            const std::vector<Fingerprint>& fingerprints,
                                            const std::vector<std::optional<size_t>>& matches,
                                            const std::vector<JournalResult>& known,
                                            const CancelToken& cancel);

/// The names of the pictures' results (engine/result_names.h), each in its folder below `output`. What is
/// known keeps its name.
std::vector<std::string> names_of(const std::vector<ListedPicture>& pictures,
                                  const std::vector<Fingerprint>& fingerprints,
                                  const std::vector<std::optional<size_t>>& matches,
                                  const std::vector<JournalResult>& known,
                                  const std::vector<std::filesystem::path>& inputs,
                                  const OutputFolder& output);

/// Below the batch's folder, where results lie.
std::set<std::filesystem::path> folders_of(const std::vector<ListedPicture>& pictures);

}  // namespace relievo

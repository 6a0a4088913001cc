// Lists the pictures that a folder or a manifest names.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/settings.h"

namespace relievo {

/// A picture of which a batch is to make a result.
struct ListedPicture {
  std::string picture;
  std::filesystem::path folder;  ///< folder of its result, relative to the batch's
  std::string name;              ///< the name that is wanted for its result
  Settings settings;
  std::optional<Error> error = {};  ///< why it cannot be made
};

struct PictureList {
  std::vector<ListedPicture> pictures;
  /// A sentence that says, by kind and number, which files are not in the list; may be empty.
  std::string left_out;
  /// A sentence that says how many objects have pictures of several sides; may be empty.
  std::string sides;
};

/// Lists the pictures in a folder (by the ending of their names), ordered by path; where it is `recursive`,
/// also those of all folders below it except `output`. Files that are hidden, links that lead nowhere and
/// links to folders are left out; a folder below it that cannot be read is a picture that fails. `by_sides`
/// makes one object of pictures that their names call its sides (batch/group_sides.h). Throws Error{kIo} for
/// a folder that cannot be read, Error{kInvalidSettings} where results would lie among the pictures.
PictureList list_folder(const std::filesystem::path& folder, const std::filesystem::path& output,
                        bool recursive, const Settings& settings, bool by_sides = true);

/// Lists the pictures of a manifest, in its order: a JSON list of pictures, or an object with `pictures` and
/// perhaps `settings`; each picture is a path or an object with `picture` and perhaps `name` and `settings`,
/// or without a picture where its settings have `views`, of which the first is the picture.
/// A manifest whose name ends in .jsonl has such a picture in each line. A wrong entry or line is a picture
/// that fails, and the others are made. Paths are relative to the manifest's folder. Its settings override
/// the given ones; `mask` is auto, alpha or a file. Throws Error{kIo}, Error{kInvalidSettings}.
PictureList read_manifest(const std::filesystem::path& path, const Settings& settings);

}  // namespace relievo

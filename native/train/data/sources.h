// The objects that there are to learn from, and which of them are never trained on.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "train/data/object.h"

namespace relievo {

/// Why an object is not trained on.
enum class Part {
  kTraining,
  kHeldOutObject,  ///< 7 % of the objects of families that are trained on
  kHeldOutFamily,  ///< all objects of some families
};
const char* part_name(Part part);  ///< `training`, `held-out object`, `held-out family`

/// The part that an object belongs to for ever: it depends on its name and family alone.
Part part_of(const Origin& origin);

struct ObjectEntry {
  Origin origin;
  std::function<Object()> load;  ///< throws Error; any thread may call it
};

struct Sources {
  /// Folders of FAMILY_SEED.npz files (read_objects.h), made with Infinigen.
  std::vector<std::filesystem::path> infinigen = {};
  /// Sweet Home 3D's catalogues (.sh3f), or folders of them.
  std::vector<std::filesystem::path> furniture = {};
  /// Folders of one's own meshes; a mesh's family is the folder that it lies in. A file `origin.json` in the
  /// topmost folder gives `source`, `licence` and `author`, and must be there.
  std::vector<std::filesystem::path> meshes = {};
  int generated = 0;  ///< objects of our own generator (generate.h)
};

/// Lists all objects, in the order of their names, without reading any. Throws Error{kIo} for a folder or
/// catalogue that cannot be read, Error{kInvalidSettings} where two objects have one name or there is none.
std::vector<ObjectEntry> list_objects(const Sources& sources);

/// The lists of one source each, which list_objects() brings together.
std::vector<ObjectEntry> list_infinigen(const std::filesystem::path& folder);
std::vector<ObjectEntry> list_furniture(const std::filesystem::path& catalogue);
std::vector<ObjectEntry> list_meshes(const std::filesystem::path& folder);

/// A name as a file may have it: letters, digits, '-' and '_'; others become '-'.
std::string file_word(std::string_view name);

}  // namespace relievo

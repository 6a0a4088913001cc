// The catalogue: models, their files, and where these lie on this machine. The facts have one home,
// models/catalogue.json, which is built into the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace relievo {

struct CatalogueFile {
  std::string path;  ///< inside the model's folder, with slashes
  std::string url;   ///< empty for a file that comes with the program
  /// The exact size; unknown until a server has told it.
  std::optional<uint64_t> bytes;
  /// The approximate size, for people and for the disk's room, where `bytes` is not known.
  std::optional<uint64_t> about;
  std::optional<std::string> sha256;  ///< lower-case hexadecimal
};

struct CatalogueModel {
  std::string name;
  std::string title;        ///< the name as its authors write it: "InstantMesh (large)"
  std::string description;  ///< what the model does, in a line; may be empty
  std::string licence;      ///< SPDX's word: "Apache-2.0"
  /// What the licence means for use of the model and of its results; may be empty.
  std::string licence_note;
  std::vector<std::string> stages;  ///< the stages that need it: foreground, multiview, reconstruct
  /// Makes objects of the picture itself, not of views of it.
  bool one_picture = false;
  bool embedded = false;  ///< comes with the program
  /// Nobody has looked yet at what Relievo makes with the published weights.
  bool is_untried = false;
  std::vector<CatalogueFile> files;
};

/// Models that work together.
struct ModelSet {
  std::string title;  ///< "InstantMesh (large) with Zero123++ v1.2"
  std::vector<std::string> models;
};

/// Returns whether the licence lets a model and its results be used for anything, sold ones included.
bool is_free(const CatalogueModel& model);

/// The bytes of all its files, where the catalogue knows them exactly; unknown where it lacks one.
std::optional<uint64_t> size_of(const CatalogueModel& model);

/// Returns the sets that make objects with the model `name`: with each model that paints views for it and
/// with views of one's own, or by itself. There are none for a model that makes no objects, and for one that
/// comes with the program.
std::vector<ModelSet> sets_with(const std::string& name);

/// Parses a catalogue strictly: an unknown or missing key, a path that leaves the folder, an address that is
/// not http or https, or a name that comes twice throws Error{kModelCorrupt} that says where.
std::vector<CatalogueModel> parse_catalogue(const std::string& text);

/// The program's catalogue, or the one in the file $RELIEVO_CATALOGUE where that is set.
const std::vector<CatalogueModel>& catalogue();

/// Throws Error{kModelMissing} for a name that is not in the catalogue; the hint lists those that are.
const CatalogueModel& catalogue_model(const std::string& name);

/// The folder models/ beside the program (or the Python module) that this code is in, or one folder up, in
/// which the files lie that come with it.
std::filesystem::path embedded_folder();

/// The folder of that name beside the program (or the Python module) that this code is in, or one folder up;
/// where it would lie beside it if there is none.
std::filesystem::path folder_beside(const std::string& name);

/// The folder of fetched and imported models, which has a folder for each: $RELIEVO_MODELS, else
/// relievo/models in $XDG_DATA_HOME, else ~/.local/share/relievo/models.
std::filesystem::path models_folder();

/// A model whose files are all there.
struct ModelFiles {
  std::string name;
  /// The folder to give to read_weights() for a diffusers model.
  std::filesystem::path folder;
  std::map<std::string, std::filesystem::path> files;  ///< by the catalogue's path
  /// The file of a model that consists of one.
  const std::filesystem::path& file() const { return files.begin()->second; }
};

/// The path of a file of a model, or empty. A component of a diffusers folder may also be there under another
/// of the published file names (.bin for .safetensors, several parts and an index).
std::filesystem::path installed_file(const CatalogueModel& model, const CatalogueFile& file,
                                     const std::filesystem::path& root = models_folder());

/// Finds a model's files on this machine. Throws Error{kModelMissing}: the message names the files that are
/// missing, the hint how to get them (`relievo models fetch NAME`). The files are not read: read_weights() is
/// strict about their content.
ModelFiles find_model(const std::string& name, const std::filesystem::path& root = models_folder());

}  // namespace relievo

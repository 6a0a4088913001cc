// The models that there are, their files, and their places on this machine. The facts have one
// home, models/catalogue.json, which is built into the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace relievo {

struct CatalogueFile {
  std::string path;               ///< inside the model's folder, with slashes
  std::string url;                ///< empty for a file that comes with the program
  std::optional<uint64_t> bytes;  ///< exactly; unknown until a server has told
  std::optional<uint64_t> about;  ///< bytes for people and for the disk's room, where `bytes` is not known
  std::optional<std::string> sha256;  ///< lower-case hexadecimal
};

struct CatalogueModel {
  std::string name;
  std::string title;                ///< as its authors write it: "InstantMesh (large)"
  std::string description;          ///< what it does, in a line; may be empty
  std::string licence;              ///< SPDX's word: "Apache-2.0"
  std::string licence_note;         ///< what it means for use of the model and of its results; may be empty
  std::vector<std::string> stages;  ///< which stages need it: foreground, multiview, reconstruct
  bool one_picture = false;         ///< what it makes objects of is the picture itself, not views of it
  bool embedded = false;            ///< comes with the program
  bool is_untried = false;  ///< nobody has looked yet at what Relievo makes with the published weights
  std::vector<CatalogueFile> files;
};

/// Models that work together.
struct ModelSet {
  std::string title;  ///< "InstantMesh (large) with Zero123++ v1.2"
  std::vector<std::string> models;
};

/// Whether the licence lets a model and its results be used for anything, sold ones included.
bool is_free(const CatalogueModel& model);

/// Bytes of all its files, as far as the catalogue knows them to the byte; unknown where it says nothing of
/// one.
std::optional<uint64_t> size_of(const CatalogueModel& model);

/// What makes objects with the model `name`: with each model that paints views for it and with views of one's
/// own, or by itself. Empty for a model that makes no objects, and for one that comes with the program.
std::vector<ModelSet> sets_with(const std::string& name);

/// Parses a catalogue strictly: an unknown or missing key, a path that leaves the folder, an address that is
/// not http or https, a name twice is Error{kModelCorrupt} that says where.
std::vector<CatalogueModel> parse_catalogue(const std::string& text);

/// The program's catalogue, or that of the file $RELIEVO_CATALOGUE where it is set.
const std::vector<CatalogueModel>& catalogue();

/// Throws Error{kModelMissing} for a name that is not in the catalogue; the hint lists those that are.
const CatalogueModel& catalogue_model(const std::string& name);

/// models/ beside the program (or the Python module) that this code is in, or one folder up: where the files
/// lie that come with it.
std::filesystem::path embedded_folder();

/// The folder of fetched and imported models, a folder each: $RELIEVO_MODELS, else relievo/models in
/// $XDG_DATA_HOME, else
/// ~/.local/share/relievo/models.
std::filesystem::path models_folder();

/// A model that is there in full.
struct ModelFiles {
  std::string name;
  std::filesystem::path folder;                        ///< for read_weights() of a diffusers model
  std::map<std::string, std::filesystem::path> files;  ///< by the catalogue's path
  /// The file of a model that has one.
  const std::filesystem::path& file() const { return files.begin()->second; }
};

/// The path of a file of a model, or empty. A component of a diffusers folder may also be there under another
/// of the published file names (.bin for .safetensors, several parts and an index).
std::filesystem::path installed_file(const CatalogueModel& model, const CatalogueFile& file,
                                     const std::filesystem::path& root = models_folder());

/// A model's files on this machine. Throws Error{kModelMissing}: the message names what is missing, the hint
/// how to get it (`relievo models fetch NAME`). Does not read the files: read_weights() is strict about their
/// content.
ModelFiles find_model(const std::string& name, const std::filesystem::path& root = models_folder());

}  // namespace relievo

// Chooses the names of results' files so that nothing is lost: no file of a result replaces an input, another
// result's file, or any file that an earlier result of the same picture did not write.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/settings.h"

namespace relievo {

inline constexpr Range<int> kTurntableRange{0, 3600};

/// Renders of a result that may be wanted besides its meshes.
struct Renders {
  int turntable = 0;  ///< frames of a full turn; 0 makes none
  /// The front view as OpenEXR layers; the turntable's frames are OpenEXR then, too.
  bool exr = false;
  bool sheet = false;  ///< a contact sheet
};

/// The files of a result of this name, relative to their folder: the meshes with their companions, then the
/// renders, with a turntable's frames (in a folder of their own) at the end. `formats` are those of
/// files/meshes.h, and what Blender writes: blend, usdz.
std::vector<std::filesystem::path> file_names(const std::string& name,
                                              const std::vector<std::string>& formats,
                                              const Renders& renders);

/// A picture that needs a name for its result.
struct NamedPicture {
  /// The wanted name: any text, which is cleaned here (engine/clean_name.h).
  std::string name;
  /// picture_checksum of the picture; where it is empty, no existing file counts as its own.
  std::string checksum;
  /// Checksums of earlier content of the picture: files of those results are replaced too.
  std::vector<std::string> former = {};
  /// It had this name in an earlier run, so it comes before those that had none.
  bool keeps_name = false;
};

/// The folder of the results, and the files that must not be overwritten.
struct OutputFolder {
  std::filesystem::path folder;  ///< need not exist
  std::vector<std::string> formats;
  Renders renders = {};
  /// Pictures, masks, views (a folder stands for the files in it) and manifests, which are kept whoever wrote
  /// them.
  std::vector<std::filesystem::path> inputs = {};
  std::vector<std::string> reserved = {};  ///< names of other results, whose files are kept
};

/// Chooses a name for each picture, in the order given: the wanted one, cleaned; where two results would
/// write one file, or a result would overwrite a file that is not its own, with a number (cup_2). Names are
/// compared without case, as some file systems do. A file is a result's own when it says so itself
/// (files/source_mark.h). The same pictures in the same folder get the same names again.
std::vector<std::string> name_results(const std::vector<NamedPicture>& pictures, const OutputFolder& output);

}  // namespace relievo

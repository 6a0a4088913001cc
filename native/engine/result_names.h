// What the files of results are called, so that nothing is lost: no file of a result takes the place of an
// input, of another result's file, or of any file that an earlier result of the same picture did not write.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/settings.h"

namespace relievo {

inline constexpr Range<int> kTurntableRange{0, 3600};

/// Pictures of a result that may be wanted besides.
struct Renders {
  int turntable = 0;   ///< frames of a full turn; 0: none
  bool exr = false;    ///< the front view as OpenEXR layers, and the turntable's frames so too
  bool sheet = false;  ///< a contact sheet
};

/// The files of a result of this name, relative to their folder: the meshes with what belongs to them, then
/// the renders, a turntable's frames (in a folder of their own) at the end. `formats`: glb, obj, ply, blend.
std::vector<std::filesystem::path> file_names(const std::string& name,
                                              const std::vector<std::string>& formats,
                                              const Renders& renders);

/// A picture that wants a name for its result.
struct NamedPicture {
  std::string name;      ///< wanted: any text, cleaned here (engine/clean_name.h)
  std::string checksum;  ///< picture_checksum of what it is made of; empty: nothing that is there is its own
  /// Checksums of what it was made of before: files of those results are replaced, too.
  std::vector<std::string> former = {};
  bool keeps_name = false;  ///< had this name in an earlier run, and comes before those that had none
};

/// Where results are written, and what must not be written over.
struct OutputFolder {
  std::filesystem::path folder;  ///< need not be there
  std::vector<std::string> formats;
  Renders renders = {};
  /// Pictures, masks, views (a folder stands for the files in it), manifests: kept whoever wrote them.
  std::vector<std::filesystem::path> inputs = {};
  std::vector<std::string> reserved = {};  ///< names of other results, whose files are kept
};

/// A name for each picture, in the order given: the wanted one, cleaned; where that would make two results
/// write one file, or a result write over a file that is not its own, with a number (cup_2). Names are
/// compared as file systems do that know no case. A file is a result's own when it says so itself
/// (files/source_mark.h). The same pictures in the same folder get the same names again.
std::vector<std::string> name_results(const std::vector<NamedPicture>& pictures, const OutputFolder& output);

}  // namespace relievo

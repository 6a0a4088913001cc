// Makes results of many pictures, from a folder or a manifest, into one folder: finds out what has to be
// made, and records what was made. A batch that was stopped in whatever way goes on where it was: a result is
// not made again as long as the content of its pictures, its settings and its files are the same.
//
// A Batch computes nothing itself. Its caller makes the results that are left, in order, and tells it how
// each ended.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/control.h"
#include "base/error.h"
#include "engine/result_names.h"
#include "engine/settings.h"

namespace relievo {

struct BatchRequest {
  std::filesystem::path source;  ///< a folder of pictures, or a manifest (batch/list_pictures.h)
  std::filesystem::path folder;  ///< folder of the results; made if need be
  std::vector<std::string> formats{"glb"};
  Renders renders = {};
  Settings settings = {};
  /// Includes the pictures of subfolders; their results lie in such folders too.
  bool recursive = false;
  bool sides = true;         ///< makes one object of a folder's pictures that are called its sides
  bool again = false;        ///< makes all results again
  bool only_failed = false;  ///< makes only results that failed the last time
  bool lock = true;          ///< refuses to write into a folder that another batch writes into
  bool dry_run = false;      ///< only tells what is left; writes nothing
  bool report = false;       ///< writes at once what the report needs of each result (batch/object_view.h)
  /// What a mesh must meet (check/check.h): results that are not known to are made again.
  std::vector<std::string> required = {};
};

/// A picture whose result has to be made.
struct BatchTask {
  std::string picture;
  std::filesystem::path folder;  ///< folder of the result's files
  std::string name;              ///< name of the result's files
  /// Checksums of the pictures that the files there were made of before; such files are overwritten.
  std::vector<std::string> former;
  Settings settings;
  std::optional<Error> error = {};  ///< why it cannot be made: a wrong line of a manifest
};

class Batch {
 public:
  /// Reads all pictures, and all results that were made of them, to compare their checksums. Throws
  /// Error{kInvalidSettings}, Error{kIo} (also where another batch holds the folder), Error{kCancelled}.
  explicit Batch(BatchRequest request, const CancelToken& cancel = {});
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  size_t pictures() const;  ///< all pictures, made or not
  /// Sentences that the person should read before anything is made.
  const std::vector<std::string>& notes() const;
  /// The JSON objects that were printed for the pictures whose results exist already, each with `skipped`.
  const std::vector<std::string>& made_before() const;
  const std::vector<BatchTask>& left() const;

  // `place` is an index among the results that are left. These functions may be called from any thread, in
  // any order. Where the journal cannot be written they throw Error{kIo}; the result is made all the same.
  void begin(size_t place);
  /// `answer` is the JSON object that is printed for the picture, `thumbnail` a picture of it for the report
  /// (batch/thumbnail.h), which may be empty.
  void finish(size_t place, const std::string& answer, const std::vector<std::filesystem::path>& files,
              const std::vector<std::byte>& thumbnail = {});
  void fail(size_t place, const Error& error, const std::vector<std::filesystem::path>& files = {},
            const std::vector<std::byte>& thumbnail = {});

  /// Whether the journal has all that happened so far.
  bool is_recorded() const;

  /// Writes the report of all that the journal knows (batch/gallery.h) into the folder, and returns its
  /// first page. Writes nothing in a dry run. Throws Error{kIo}.
  std::filesystem::path write_report() const;

  /// "3 made, 5 already there, 1 failed, 2 left", and a line for each that failed.
  std::string summary() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relievo

// Many pictures, of a folder or a manifest, into one folder: what has to be made of them, and what was made.
// A batch that was stopped in whatever way goes on where it was: what is made is not made again as long as
// the content of its pictures, its settings and its files are the same.
//
// A Batch makes nothing itself. Whoever runs it takes what is left, in order, and tells it how each ended.
#pragma once

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
  std::filesystem::path folder;  ///< of the results; made if need be
  std::vector<std::string> formats{"glb"};
  Renders renders = {};
  Settings settings = {};
  bool recursive = false;    ///< takes in the pictures of subfolders; their results lie in such folders
  bool again = false;        ///< makes everything anew
  bool only_failed = false;  ///< makes what failed the last time, and nothing else
  bool lock = true;          ///< refuses to write into a folder that another batch writes into
  bool dry_run = false;      ///< only says what is left: writes nothing
};

/// A picture whose result has to be made.
struct BatchTask {
  std::string picture;
  std::filesystem::path folder;     ///< of the result's files
  std::string name;                 ///< of the result's files
  std::vector<std::string> former;  ///< checksums of what it was made of before: such files are written over
  Settings settings;
};

class Batch {
 public:
  /// Looks at all pictures and at all that was made of them, which takes as long as reading these files.
  /// Throws Error{kInvalidSettings}, Error{kIo} (another batch holds the folder, too), Error{kCancelled}.
  explicit Batch(BatchRequest request, const CancelToken& cancel = {});
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  size_t pictures() const;  ///< in all
  /// Sentences that the person should read before anything is made.
  const std::vector<std::string>& notes() const;
  /// The answers that were printed for the pictures that are made already: a JSON object each, with
  /// `skipped`.
  const std::vector<std::string>& made_before() const;
  const std::vector<BatchTask>& left() const;

  // `place` counts what is left. They may be called from any thread, in any order. Where the journal cannot
  // be written they throw Error{kIo}: the result is made all the same.
  void begin(size_t place);
  /// `answer` is the JSON object that is printed for it.
  void finish(size_t place, const std::string& answer, const std::vector<std::filesystem::path>& files);
  void fail(size_t place, const Error& error, const std::vector<std::filesystem::path>& files = {});

  /// "3 made, 5 already there, 1 failed, 2 left", and a line for each that failed.
  std::string summary() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relievo

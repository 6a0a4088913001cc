// The journal of what was tried and made in a batch's folder: `relievo-batch.sqlite`, which has one writer
// (the holder of the lock).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "batch/database.h"

namespace relievo {

inline constexpr const char* kJournalName = "relievo-batch.sqlite";

/// A file of a result.
struct JournalFile {
  std::string path;  ///< relative to the batch's folder, and inside it
  uint64_t bytes = 0;
  std::string sha256;
};

/// A try that ended with all files written.
struct MadeAttempt {
  std::string key;     ///< of all that the files depend on
  std::string answer;  ///< what was printed for it, a JSON object
  std::vector<JournalFile> files = {};
};

/// One result with what is known of its tries, the oldest first.
struct JournalResult {
  int64_t id = 0;
  std::string folder;   ///< of its files, relative to the batch's
  std::string name;     ///< of its files
  std::string picture;  ///< path
  std::string wanted;   ///< the name that was wanted for it
  std::vector<MadeAttempt> made = {};
  std::vector<std::string> checksums = {};  ///< of the pictures that it was made of, without repetitions
  bool has_failed = false;                  ///< the last try did not come to its end
};

/// How a try ended.
struct AttemptEnd {
  double seconds = 0;
  std::string key = {};                 ///< empty: what it was made of has changed meanwhile
  std::string answer = {};              ///< a JSON object
  std::vector<JournalFile> files = {};  ///< that were written, also before it failed
  std::optional<Error> error = {};
};

/// A process that ran a batch in the folder.
struct JournalWriter {
  std::string mark;  ///< base/atomic_file.h
  std::string host;
  bool had_lock = true;
};

class Journal {
 public:
  enum class Access { kWrite, kWriteWithoutLocks, kRead };

  /// Makes it where it is not there. One that cannot be used is kept under another name (base/set_aside.h),
  /// which is told in `notes`; where it is only read, it counts as empty. Throws Error{kIo}.
  Journal(const std::filesystem::path& folder, Access access, std::vector<std::string>& notes);

  const std::vector<JournalResult>& results() const { return results_; }  ///< when it was opened
  /// Who has written into this folder before.
  const std::vector<JournalWriter>& earlier_writers() const { return earlier_writers_; }

  // All throw Error{kIo}.
  int64_t add_result(const JournalResult& result);  ///< returns its id
  void rename_result(int64_t result, const std::string& name);
  /// Returns the try's id.
  int64_t begin(int64_t result, const std::string& key, const std::string& checksum);
  void finish(int64_t attempt, const AttemptEnd& end);

 private:
  void open(Access access);
  void load();
  void add_run(bool has_lock);
  template <typename Change>
  auto changed(const Change& change);

  std::filesystem::path path_;
  std::optional<Database> database_;
  std::vector<JournalResult> results_;
  std::vector<JournalWriter> earlier_writers_;
  int64_t run_ = 0;
};

}  // namespace relievo

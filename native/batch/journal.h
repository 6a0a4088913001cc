// The journal of all attempts and results in a batch's folder: `relievo-batch.sqlite`, which has one writer
// (the holder of the lock).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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

/// An attempt that ended with all files written.
struct MadeAttempt {
  std::string key;     ///< key of all that the files depend on
  std::string answer;  ///< the JSON object that was printed for it
  std::vector<JournalFile> files = {};
};

/// One result with what is known of its attempts, the oldest first.
struct JournalResult {
  int64_t id = 0;
  std::string folder;   ///< folder of its files, relative to the batch's
  std::string name;     ///< name of its files
  std::string picture;  ///< path of the picture
  std::string wanted;   ///< the name that was wanted for it
  std::vector<MadeAttempt> made = {};
  /// Checksums of the pictures that it was made of, without repetitions.
  std::vector<std::string> checksums = {};
  bool has_failed = false;  ///< the last attempt did not succeed
};

/// The end of an attempt.
struct AttemptEnd {
  double seconds = 0;
  /// Empty where what it was made of has changed meanwhile.
  std::string key = {};
  std::string answer = {};              ///< a JSON object
  std::vector<JournalFile> files = {};  ///< files that were written, even if it failed
  std::optional<Error> error = {};
  std::vector<std::byte> thumbnail = {};  ///< a picture file; may be empty
};

/// The last attempt at a result, for the report.
struct LastAttempt {
  std::string folder;  ///< folder of its files, relative to the batch's
  std::string name;
  std::string picture;
  std::string begun;  ///< UTC, as of ISO 8601
  std::string state;  ///< `made`, `failed`, `cancelled`, `running` or `interrupted`
  std::optional<double> seconds;
  std::optional<int64_t> peak_bytes;
  std::string plan;
  std::string answer;  ///< the JSON object that was printed for it; empty where it failed
  std::string error_code, error, hint;
  std::vector<JournalFile> files;
  std::vector<std::byte> thumbnail;
};

/// A process that ran a batch in the folder.
struct JournalWriter {
  std::string mark;  ///< the process's mark (base/atomic_file.h)
  std::string host;
  bool had_lock = true;
};

class Journal {
 public:
  enum class Access { kWrite, kWriteWithoutLocks, kRead };

  /// Opens the journal and creates it where it is not there. A file that cannot be used is kept under another
  /// name (base/set_aside.h), which `notes` tells; where it is only read, it counts as empty. Throws
  /// Error{kIo}.
  Journal(const std::filesystem::path& folder, Access access, std::vector<std::string>& notes);

  /// The results as they were when the journal was opened.
  const std::vector<JournalResult>& results() const { return results_; }
  /// The processes that have written into this folder before.
  const std::vector<JournalWriter>& earlier_writers() const { return earlier_writers_; }

  /// Calls with the last attempt of each result, by the results' folders and names. Throws Error{kIo}.
  void for_each_last_attempt(const std::function<void(const LastAttempt&)>& visit);

  // All of these throw Error{kIo}.
  int64_t add_result(const JournalResult& result);  ///< returns its id
  void rename_result(int64_t result, const std::string& name);
  /// Records that an attempt has begun. Returns its id.
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

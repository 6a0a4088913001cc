#include "batch/journal.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <unordered_map>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "base/set_aside.h"
#include "engine/engine.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kApplication = 0x52654c76;  // "ReLv", the file's application id
constexpr int64_t kVersion = 2;               // version of the schema

constexpr const char* kSchema = R"(
CREATE TABLE runs (id INTEGER PRIMARY KEY, writer TEXT NOT NULL, host TEXT NOT NULL,
  has_lock INTEGER NOT NULL, version TEXT NOT NULL, begun TEXT NOT NULL) STRICT;
CREATE TABLE results (id INTEGER PRIMARY KEY, folder TEXT NOT NULL, name TEXT NOT NULL, picture TEXT NOT NULL,
  wanted TEXT NOT NULL) STRICT;
CREATE TABLE attempts (id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, result INTEGER NOT NULL
  REFERENCES results, key TEXT NOT NULL, picture_sha256 TEXT NOT NULL, begun TEXT NOT NULL, state TEXT NOT NULL,
  seconds REAL, peak_bytes INTEGER, plan TEXT, quality TEXT, answer TEXT, error_code TEXT, error TEXT, hint TEXT) STRICT;
CREATE TABLE files (attempt INTEGER NOT NULL REFERENCES attempts, path TEXT NOT NULL, bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL) STRICT;
)";
// What version 2 has in addition.
constexpr const char* kSchemaOfThumbnails = R"(
CREATE TABLE thumbnails (attempt INTEGER PRIMARY KEY REFERENCES attempts, picture BLOB NOT NULL) STRICT;
)";

class Damaged : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
}

std::vector<std::string> column(Database& database, const std::string& sql) {
  std::vector<std::string> values;
  for (Statement rows = database.prepare(sql); rows.step();) values.push_back(rows.text(0).value_or(""));
  return values;
}

int64_t number(Database& database, const std::string& sql) {
  Statement row = database.prepare(sql);
  return row.step() ? row.integer(0).value_or(0) : 0;
}

std::vector<std::string> schema(Database& database) {
  return column(database, "SELECT coalesce(sql, '') FROM sqlite_schema ORDER BY rowid");
}

void set_version(Database& database) { database.run(fmt::format("PRAGMA user_version = {};", kVersion)); }

/// Checks the schema before anything else: a file with another one is not read at all, because its tables
/// could be endless queries.
void check_or_make(Database& database, bool may_make) {
  const int64_t application = number(database, "PRAGMA application_id");
  const std::vector<std::string> found = schema(database);
  if (found.empty() && application == 0 && may_make) {
    Transaction transaction(database);
    database.run(kSchema);
    database.run(kSchemaOfThumbnails);
    database.run(fmt::format("PRAGMA application_id = {};", kApplication));
    set_version(database);
    transaction.commit();
    return;
  }
  if (application != kApplication) throw Damaged("it is no journal of Relievo's");
  const int64_t version = number(database, "PRAGMA user_version");
  if (version != 1 && version != kVersion) {
    throw Damaged(fmt::format("its version is {}, and this Relievo knows {}", version, kVersion));
  }
  Database expected(":memory:", Database::Access::kWrite);
  expected.run(kSchema);
  if (version == kVersion) expected.run(kSchemaOfThumbnails);
  if (found != schema(expected)) throw Damaged("its tables are not those that Relievo makes");
  const auto faults = column(database, "PRAGMA quick_check(1)");
  if (faults != std::vector<std::string>{"ok"}) throw Damaged("its pages are damaged");
  if (version == kVersion || !may_make) return;
  Transaction transaction(database);
  database.run(kSchemaOfThumbnails);
  set_version(database);
  transaction.commit();
}

bool is_inside(const std::string& path) {
  const fs::path relative(path);
  return !path.empty() && relative.is_relative() && path.find('\0') == std::string::npos &&
         std::none_of(relative.begin(), relative.end(), [](const fs::path& part) { return part == ".."; });
}

std::vector<fs::path> files_of_journal(const fs::path& path) {
  std::vector<fs::path> files{path};
  for (const char* ending : {"-journal", "-wal", "-shm"}) files.emplace_back(path.string() + ending);
  return files;
}

std::optional<std::string> quality_of(const json& answer) {
  json quality = json::object();
  for (const char* name : {"vertices", "faces", "watertight", "manifold", "components", "euler", "charts",
                           "coverage", "mean_stretch", "lossy"}) {
    if (answer.contains(name)) quality[name] = answer[name];
  }
  if (quality.empty()) return {};
  return quality.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<int64_t> peak_bytes_of(const json& answer) {
  std::optional<int64_t> peak;
  const auto stages = answer.find("stages");
  if (stages == answer.end() || !stages->is_array()) return peak;
  for (const json& stage : *stages) {
    if (!stage.is_object() || !stage.value("peak_bytes", json()).is_number_integer()) continue;
    peak = std::max(peak.value_or(0), stage["peak_bytes"].get<int64_t>());
  }
  return peak;
}

std::optional<std::string> text_of(const json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? std::optional(found->get<std::string>())
                                                     : std::nullopt;
}

const char* state_of(const AttemptEnd& end) {
  if (!end.error) return "made";
  return end.error->code() == ErrorCode::kCancelled ? "cancelled" : "failed";
}

Error cannot_use(const fs::path& path, const std::string& why, const std::string& hint) {
  return {ErrorCode::kIo, fmt::format("Cannot use the journal '{}': {}.", path.string(), why), hint};
}

}  // namespace

Journal::Journal(const fs::path& folder, Access access, std::vector<std::string>& notes)
    : path_(folder / kJournalName) {
  std::error_code error;
  const bool is_new = fs::symlink_status(path_, error).type() == fs::file_type::not_found;
  if (access == Access::kRead) {
    try {
      if (!is_new) open(access);
    } catch (const std::exception& reason) {
      notes.push_back(fmt::format("'{}' cannot be used: {}.", path_.string(), reason.what()));
      results_.clear();
    }
    return;
  }
  for (const fs::path& file : files_of_journal(path_)) {
    const bool is_there = fs::symlink_status(file, error).type() != fs::file_type::not_found;
    if (!is_there || fs::is_regular_file(file, error)) continue;
    notes.push_back(
        fmt::format("'{}' is not a file: it is kept as '{}'.", file.string(), set_aside(file).string()));
  }
  std::string reason;
  try {
    // SQLite takes a file of one byte for an empty one, so smaller files than this are damaged ones.
    constexpr uintmax_t kSmallestJournal = 512;
    const uintmax_t size = is_new ? 0 : fs::file_size(path_, error);
    if (!error && size > 0 && size < kSmallestJournal) throw Damaged("it was cut");
    open(access);
    return;
  } catch (const DatabaseError& failure) {
    if (failure.is_busy())
      throw cannot_use(path_, "another program uses it", "End that program, and start the batch again.");
    if (failure.is_about_the_disk())
      throw cannot_use(path_, failure.what(),
                       "Choose a folder that you may write to, on a disk with space left.");
    reason = failure.what();
  } catch (const Damaged& failure) {
    reason = failure.what();
  }
  database_.reset();
  if (is_new) throw cannot_use(path_, reason, "Choose a folder that you may write to.");
  notes.push_back(
      fmt::format("The journal '{}' cannot be used: {}. It is kept as '{}', and what it says is made does "
                  "not count as made.",
                  path_.string(), reason, set_aside(path_).string()));
  for (const fs::path& file : files_of_journal(path_)) {
    if (fs::symlink_status(file, error).type() != fs::file_type::not_found) set_aside(file);
  }
  try {
    open(access);
  } catch (const DatabaseError& failure) {
    throw cannot_use(path_, failure.what(),
                     "Choose a folder that you may write to, on a disk with space left.");
  }
}

void Journal::open(Access access) {
  const auto open_by = [&](Database::Access how) {
    results_.clear();
    earlier_writers_.clear();
    database_.emplace(path_, how);
    // A write-ahead log is not used, because its shared memory does not work on network shares.
    if (access != Access::kRead) database_->run("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;");
    check_or_make(*database_, access != Access::kRead);
    load();
    if (access != Access::kRead) add_run(access == Access::kWrite);
  };
  switch (access) {
    case Access::kRead:
      return open_by(Database::Access::kRead);
    case Access::kWriteWithoutLocks:
      return open_by(Database::Access::kWriteWithoutLocks);
    case Access::kWrite:
      try {
        open_by(Database::Access::kWrite);
      } catch (const DatabaseError& failure) {
        // The folder's own lock is held, so locks on the file are not needed.
        if (!failure.is_about_locks()) throw;
        open_by(Database::Access::kWriteWithoutLocks);
      }
  }
}

void Journal::load() {
  std::unordered_map<int64_t, size_t> places;  // indices of results, by their id
  for (Statement rows =
           database_->prepare("SELECT id, folder, name, picture, wanted FROM results ORDER BY id");
       rows.step();) {
    const auto folder = rows.text(1), name = rows.text(2), picture = rows.text(3), wanted = rows.text(4);
    if (!folder || !name || !picture || !wanted || (!folder->empty() && !is_inside(*folder))) continue;
    places[rows.integer(0).value_or(0)] = results_.size();
    results_.push_back({rows.integer(0).value_or(0), *folder, *name, *picture, *wanted, {}, {}, false});
  }
  // The attempts that were made: the result's index and the attempt's index in it.
  std::unordered_map<int64_t, std::pair<size_t, size_t>> attempts;
  for (Statement rows = database_->prepare(
           "SELECT id, result, key, picture_sha256, state, answer FROM attempts ORDER BY id");
       rows.step();) {
    const auto place = places.find(rows.integer(1).value_or(0));
    if (place == places.end()) continue;
    JournalResult& result = results_[place->second];
    result.has_failed = rows.text(4) != "made";
    const std::string checksum = rows.text(3).value_or("");
    if (!checksum.empty() &&
        std::find(result.checksums.begin(), result.checksums.end(), checksum) == result.checksums.end())
      result.checksums.push_back(checksum);
    if (result.has_failed) continue;
    attempts[rows.integer(0).value_or(0)] = {place->second, result.made.size()};
    result.made.push_back({rows.text(2).value_or(""), rows.text(5).value_or(""), {}});
  }
  for (Statement rows = database_->prepare("SELECT attempt, path, bytes, sha256 FROM files ORDER BY rowid");
       rows.step();) {
    const auto attempt = attempts.find(rows.integer(0).value_or(0));
    const auto path = rows.text(1), sha256 = rows.text(3);
    const auto bytes = rows.integer(2);
    if (attempt == attempts.end() || !path || !is_inside(*path) || !sha256 || !bytes || *bytes < 0) continue;
    results_[attempt->second.first].made[attempt->second.second].files.push_back(
        {*path, static_cast<uint64_t>(*bytes), *sha256});
  }
  for (Statement rows = database_->prepare("SELECT DISTINCT writer, host, has_lock FROM runs");
       rows.step();) {
    earlier_writers_.push_back({rows.text(0).value_or(""), rows.text(1).value_or(""), rows.integer(2) == 1});
  }
}

void Journal::add_run(bool has_lock) {
  Transaction transaction(*database_);
  // The holder of the lock is alone, so an attempt that seems to run was interrupted.
  if (has_lock) database_->run("UPDATE attempts SET state = 'interrupted' WHERE state = 'running'");
  (database_->prepare("INSERT INTO runs (writer, host, has_lock, version, begun) VALUES (?, ?, ?, ?, ?)")
   << writer_mark() << host_name() << int64_t{has_lock} << version() << now())
      .run();
  run_ = database_->last_id();
  transaction.commit();
}

template <typename Change>
auto Journal::changed(const Change& change) {
  try {
    Transaction transaction(*database_);
    auto answer = change();
    transaction.commit();
    return answer;
  } catch (const DatabaseError& failure) {
    throw Error(ErrorCode::kIo,
                fmt::format("Cannot write the journal '{}': {}.", path_.string(), failure.what()),
                "Free some space on this disk.");
  }
}

int64_t Journal::add_result(const JournalResult& result) {
  return changed([&] {
    (database_->prepare("INSERT INTO results (folder, name, picture, wanted) VALUES (?, ?, ?, ?)")
     << result.folder << result.name << result.picture << result.wanted)
        .run();
    return database_->last_id();
  });
}

void Journal::rename_result(int64_t result, const std::string& name) {
  changed([&] {
    (database_->prepare("UPDATE results SET name = ? WHERE id = ?") << name << result).run();
    return 0;
  });
}

int64_t Journal::begin(int64_t result, const std::string& key, const std::string& checksum) {
  return changed([&] {
    (database_->prepare("INSERT INTO attempts (run, result, key, picture_sha256, begun, state) "
                        "VALUES (?, ?, ?, ?, ?, 'running')")
     << run_ << result << key << checksum << now())
        .run();
    return database_->last_id();
  });
}

void Journal::finish(int64_t attempt, const AttemptEnd& end) {
  json answer = json::object();
  try {
    answer = parse_json(end.answer);
  } catch (const JsonError&) {  // it is kept as it is, and not printed again
  }
  std::optional<std::string> code, message, hint;
  if (end.error) {
    code = code_name(end.error->code());
    message = end.error->message();
    hint = end.error->hint();
  }
  changed([&] {
    (database_->prepare(
         "UPDATE attempts SET state = ?, key = ?, seconds = ?, peak_bytes = ?, plan = ?, quality = ?, "
         "answer = ?, error_code = ?, error = ?, hint = ? WHERE id = ?")
     << std::string_view(state_of(end)) << end.key << end.seconds << peak_bytes_of(answer)
     << text_of(answer, "plan") << quality_of(answer) << end.answer << code << message << hint << attempt)
        .run();
    Statement file =
        database_->prepare("INSERT INTO files (attempt, path, bytes, sha256) VALUES (?, ?, ?, ?)");
    for (const JournalFile& written : end.files) {
      (file << attempt << written.path << static_cast<int64_t>(written.bytes) << written.sha256).run();
    }
    if (!end.thumbnail.empty()) {
      (database_->prepare("INSERT OR REPLACE INTO thumbnails (attempt, picture) VALUES (?, ?)")
       << attempt << std::span(end.thumbnail))
          .run();
    }
    return 0;
  });
}

void Journal::for_each_last_attempt(const std::function<void(const LastAttempt&)>& visit) {
  try {
    Statement files =
        database_->prepare("SELECT path, bytes, sha256 FROM files WHERE attempt = ? ORDER BY rowid");
    Statement rows = database_->prepare(
        "SELECT r.folder, r.name, r.picture, a.begun, a.state, a.seconds, a.peak_bytes, a.plan, a.answer, "
        "a.error_code, a.error, a.hint, a.id, t.picture FROM results r "
        "JOIN attempts a ON a.id = (SELECT max(id) FROM attempts WHERE result = r.id) "
        "LEFT JOIN thumbnails t ON t.attempt = a.id ORDER BY r.folder, r.name, r.id");
    while (rows.step()) {
      const auto text = [&](int column) { return rows.text(column).value_or(""); };
      LastAttempt last{.folder = text(0),
                       .name = text(1),
                       .picture = text(2),
                       .begun = text(3),
                       .state = text(4),
                       .seconds = rows.real(5),
                       .peak_bytes = rows.integer(6),
                       .plan = text(7),
                       .answer = text(8),
                       .error_code = text(9),
                       .error = text(10),
                       .hint = text(11),
                       .files = {},
                       .thumbnail = rows.blob(13)};
      for (files << rows.integer(12).value_or(0); files.step();) {
        const std::string path = files.text(0).value_or("");
        if (!is_inside(path)) continue;
        const auto bytes = static_cast<uint64_t>(files.integer(1).value_or(0));
        last.files.push_back({path, bytes, files.text(2).value_or("")});
      }
      files.reset();
      visit(last);
    }
  } catch (const DatabaseError& failure) {
    throw Error(ErrorCode::kIo,
                fmt::format("Cannot read the journal '{}': {}.", path_.string(), failure.what()),
                "Check that the disk is sound.");
  }
}

}  // namespace relievo

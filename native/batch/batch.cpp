#include "batch/batch.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/file_lock.h"
#include "base/json.h"
#include "batch/fingerprint.h"
#include "batch/gallery.h"
#include "batch/journal.h"
#include "batch/leftovers.h"
#include "batch/list_pictures.h"
#include "batch/match_results.h"
#include "batch/object_view.h"
#include "check/check.h"
#include "engine/engine.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr const char* kLockName = "relievo-batch.lock";
constexpr const char* kOldState = "relievo-batch.json";  // the state file of version 0.1.0

PictureList list_pictures(const BatchRequest& request) {
  std::error_code error;
  const bool is_folder = fs::is_directory(request.source, error);
  PictureList list = is_folder ? list_folder(request.source, request.folder, request.recursive,
                                             request.settings, request.sides)
                               : read_manifest(request.source, request.settings);
  if (!list.pictures.empty()) return list;
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("There is no picture in '{}'.{}{}", request.source.string(),
                          list.left_out.empty() ? "" : " ", list.left_out),
              "Name a folder with pictures, or a manifest.");
}

/// Throws when one of the batch's own files is also an input: they are written, or renamed where they are
/// damaged.
void spare_inputs(const std::vector<fs::path>& inputs, const fs::path& folder) {
  for (const char* name :
       {kJournalName, "relievo-batch.sqlite-journal", "relievo-batch.sqlite-wal", "relievo-batch.sqlite-shm",
        kLockName, kReportName, kMetricsName, kMetricsTableName}) {
    for (const fs::path& input : inputs) {
      std::error_code error;
      if (!fs::equivalent(input, folder / name, error)) continue;
      throw Error(
          ErrorCode::kInvalidSettings,
          fmt::format("The batch's own file '{}' would overwrite the input '{}'.", name, input.string()),
          "Give the input another name, or choose another folder with -o.");
    }
  }
}

/// Whether a result that was made before is known to meet what is required now.
bool meets(const MadeAttempt& attempt, const std::vector<std::string>& required) {
  const json answer = parse_json(attempt.answer);  // find_intact() has checked that it is an object
  const auto met = answer.find("met");
  return std::ranges::all_of(required, [&](const std::string& word) {
    return met != answer.end() && met->is_array() &&
           std::find(met->begin(), met->end(), json(word)) != met->end();
  });
}

/// Notes that the state of version 0.1.0 is not read, because it does not tell what its results were made of.
void tell_old_state(const fs::path& folder, std::vector<std::string>& notes) {
  std::error_code error;
  if (fs::exists(folder / kJournalName, error)) return;
  constexpr uint64_t kMostBytes = uint64_t{64} << 20;
  const json state = read_json_object_if_sound(folder / kOldState, {.bytes = kMostBytes});
  const auto finished = state.find("finished");
  if (finished == state.end() || !finished->is_object()) return;
  notes.push_back(fmt::format(
      "'{}' was kept by Relievo 0.1.0. It does not tell the content of what its {} results were made of, "
      "so all pictures are made again, under other names where the old results lie: these stay.",
      (folder / kOldState).string(), finished->size()));
}

}  // namespace

struct Batch::Impl {
  explicit Impl(BatchRequest given) : request(std::move(given)) {}

  void open();
  void find_left(const CancelToken& cancel);
  void end(size_t place, AttemptEnd end, const std::vector<fs::path>& files);
  /// Notes where `change` cannot change the journal.
  template <typename Change>
  void record(const Change& change);
  std::vector<JournalFile> described(const std::vector<fs::path>& files) const;

  /// The progress of a task.
  struct Progress {
    std::optional<size_t> result;  // index in the journal's list
    int64_t id = 0;                // id of the result; 0 where it is not in the journal
    int64_t attempt = 0;
    Fingerprint fingerprint;
    fs::path folder;  // relative to the batch's folder
    std::string wanted;
    std::string known_name;  // the name that the journal has
    Clock::time_point begun;
    bool is_over = false;
  };

  BatchRequest request;
  size_t pictures = 0;
  std::vector<std::string> notes, made_before;
  std::vector<BatchTask> left;
  std::vector<Progress> progress;  // one for each picture that is left
  std::optional<FileLock> lock;
  std::optional<Journal> journal;
  size_t made = 0;
  bool is_recorded = true;
  std::vector<std::string> failures;
  mutable std::mutex mutex;
};

void Batch::Impl::open() {
  std::error_code error;
  if (request.dry_run) {
    if (fs::is_directory(request.folder, error))
      journal.emplace(request.folder, Journal::Access::kRead, notes);
    return;
  }
  prepare_folder(request.folder);
  if (request.lock) {
    lock.emplace(request.folder / kLockName,
                 LockWords{fmt::format("The folder '{}'", request.folder.string()),
                           "Wait until that batch has ended, or choose another folder with -o.",
                           "Make sure that no other batch writes into this folder, and add --no-lock."});
  } else {
    notes.emplace_back("Nothing keeps another batch from writing into the same folder (--no-lock).");
  }
  tell_old_state(request.folder, notes);
  journal.emplace(request.folder,
                  request.lock ? Journal::Access::kWrite : Journal::Access::kWriteWithoutLocks, notes);
}

void Batch::Impl::find_left(const CancelToken& cancel) {
  check_requirements(request.required);
  PictureList list = list_pictures(request);
  pictures = list.pictures.size();
  std::vector<fs::path> inputs = inputs_of(list.pictures);
  inputs.push_back(request.source);
  spare_inputs(inputs, request.folder);
  for (const std::string& note : {list.left_out, list.sides}) {
    if (!note.empty()) notes.push_back(note);
  }
  open();

  const std::vector<Fingerprint> fingerprints =
      fingerprints_of(list.pictures, {request.formats, request.renders}, cancel);
  static const std::vector<JournalResult> kNone;
  const std::vector<JournalResult>& known = journal ? journal->results() : kNone;
  const std::vector<std::optional<size_t>> matches = match_results(list.pictures, fingerprints, known);
  std::vector<const MadeAttempt*> intact =
      request.again ? std::vector<const MadeAttempt*>(pictures)
                    : find_intact(request.folder, fingerprints, matches, known, cancel);
  std::vector<bool> is_left(pictures);
  for (size_t i = 0; i < pictures; ++i) {
    if (intact[i] && !meets(*intact[i], request.required)) intact[i] = nullptr;
    is_left[i] = !intact[i] && (!request.only_failed || (matches[i] && known[*matches[i]].has_failed));
  }
  if (!request.dry_run) {
    remove_leftovers(request.folder, journal->earlier_writers(), lock.has_value(), folders_of(list.pictures));
    for (size_t i = 0; i < pictures; ++i) {
      if (is_left[i] && matches[i])
        set_damaged_aside(request.folder, known[*matches[i]], fingerprints[i], notes);
    }
  }
  const std::vector<std::string> names =
      names_of(list.pictures, fingerprints, matches, known, inputs,
               {.folder = request.folder, .formats = request.formats, .renders = request.renders});
  for (size_t i = 0; i < pictures; ++i) {
    ListedPicture& picture = list.pictures[i];
    if (intact[i]) {
      // find_intact() has checked that it is an object.
      json answer = parse_json(intact[i]->answer);
      answer["skipped"] = true;
      made_before.push_back(answer.dump(-1, ' ', false, json::error_handler_t::replace));
    } else if (is_left[i]) {
      const JournalResult* result = matches[i] ? &known[*matches[i]] : nullptr;
      progress.push_back({matches[i],
                          result ? result->id : 0,
                          0,
                          fingerprints[i],
                          picture.folder,
                          picture.name,
                          result ? result->name : std::string(),
                          {},
                          false});
      left.push_back({picture.picture, request.folder / picture.folder, names[i],
                      result ? result->checksums : std::vector<std::string>(), std::move(picture.settings),
                      std::move(picture.error)});
    }
  }
  if (const size_t passed = pictures - left.size() - made_before.size(); passed > 0) {
    notes.push_back(passed == 1
                        ? "1 picture that has not failed before is passed over."
                        : fmt::format("{} pictures that have not failed before are passed over.", passed));
  }
}

template <typename Change>
void Batch::Impl::record(const Change& change) {
  try {
    change();
  } catch (const Error&) {
    is_recorded = false;
    throw;
  }
}

std::vector<JournalFile> Batch::Impl::described(const std::vector<fs::path>& files) const {
  const fs::path folder = fs::absolute(request.folder).lexically_normal();
  std::vector<JournalFile> described;
  for (const fs::path& file : files) {
    const std::string path = fs::absolute(file).lexically_normal().lexically_relative(folder).string();
    if (auto found = describe_file(request.folder, path)) described.push_back(std::move(*found));
  }
  return described;
}

void Batch::Impl::end(size_t place, AttemptEnd end, const std::vector<fs::path>& files) {
  const BatchTask& task = left.at(place);
  Progress& known = progress.at(place);
  // When a picture was changed while it was read, nobody knows which version the result shows; the journal
  // then does not count it as made.
  if (fingerprint_of(task, {request.formats, request.renders}).key == known.fingerprint.key)
    end.key = known.fingerprint.key;
  end.files = described(files);
  std::exception_ptr without_view;
  if (request.report && !end.error) {
    try {
      view_of(request.folder, end.files);
    } catch (const Error&) {
      without_view = std::current_exception();
    }
  }
  const std::lock_guard guard(mutex);
  if (!known.is_over) {
    known.is_over = !end.error || end.error->code() != ErrorCode::kCancelled;
    if (!end.error) ++made;
    if (end.error && known.is_over) {
      failures.push_back(fmt::format("{}: {}", task.picture, end.error->message()));
    }
  }
  end.seconds = std::chrono::duration<double>(Clock::now() - known.begun).count();
  if (journal && known.attempt != 0) record([&] { journal->finish(known.attempt, end); });
  if (without_view) std::rethrow_exception(without_view);
}

Batch::Batch(BatchRequest request, const CancelToken& cancel)
    : impl_(std::make_unique<Impl>(std::move(request))) {
  impl_->find_left(cancel);
}

Batch::~Batch() = default;

size_t Batch::pictures() const { return impl_->pictures; }
const std::vector<std::string>& Batch::notes() const { return impl_->notes; }
const std::vector<std::string>& Batch::made_before() const { return impl_->made_before; }
const std::vector<BatchTask>& Batch::left() const { return impl_->left; }

void Batch::begin(size_t place) {
  const BatchTask& task = impl_->left.at(place);
  const std::lock_guard guard(impl_->mutex);
  Impl::Progress& known = impl_->progress.at(place);
  known.begun = Clock::now();
  if (!impl_->journal || impl_->request.dry_run) return;
  Journal& journal = *impl_->journal;
  impl_->record([&] {
    if (known.id == 0) {
      known.id = journal.add_result({.folder = known.folder.string(),
                                     .name = task.name,
                                     .picture = identity_of_picture(task.picture),
                                     .wanted = known.wanted});
    } else if (known.known_name != task.name) {
      journal.rename_result(known.id, task.name);
    }
    known.known_name = task.name;
    known.attempt = journal.begin(known.id, known.fingerprint.key, known.fingerprint.picture);
  });
}

void Batch::finish(size_t place, const std::string& answer, const std::vector<fs::path>& files,
                   const std::vector<std::byte>& thumbnail) {
  impl_->end(place, {.answer = answer, .thumbnail = thumbnail}, files);
}

void Batch::fail(size_t place, const Error& error, const std::vector<fs::path>& files,
                 const std::vector<std::byte>& thumbnail) {
  impl_->end(place, {.error = error, .thumbnail = thumbnail}, files);
}

bool Batch::is_recorded() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->is_recorded;
}

fs::path Batch::write_report() const {
  const std::lock_guard guard(impl_->mutex);
  if (!impl_->journal || impl_->request.dry_run) return {};
  return write_gallery(impl_->request.folder, *impl_->journal);
}

std::string Batch::summary() const {
  const std::lock_guard guard(impl_->mutex);
  std::string text = fmt::format("{} made, {} already there, {} failed", impl_->made,
                                 impl_->made_before.size(), impl_->failures.size());
  const size_t left = impl_->left.size() - impl_->made - impl_->failures.size();
  if (left > 0) text += fmt::format(", {} left", left);
  for (const std::string& failure : impl_->failures) text += "\n  " + failure;
  return text;
}

}  // namespace relievo

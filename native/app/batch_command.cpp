#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include <fmt/format.h>

#include "app/batch_words.h"
#include "app/commands.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "batch/batch.h"
#include "batch/report.h"
#include "batch/until.h"
#include "engine/estimate.h"

namespace relievo {
namespace {

/// Writes to the journal and the report, on any thread. A failure stops nothing, because the picture is only
/// made again the next time; what cannot be written is said once.
class Recorder {
 public:
  /// Returns whether it could be written.
  template <typename Record>
  bool operator()(const Record& action) {
    try {
      action();
      return true;
    } catch (const Error& error) {
      const std::lock_guard guard(mutex_);
      if (said_.insert(error.message()).second) print_message("relievo: {}\n", error.message());
      return false;
    }
  }

 private:
  std::mutex mutex_;
  std::set<std::string> said_;
};

/// Prints what would be made and what that would take, and makes nothing.
int print_plan(const Batch& batch, const EngineOptions& machine, bool as_json) {
  std::vector<Settings> pictures;
  for (const BatchTask& task : batch.left()) {
    if (!task.error) pictures.push_back(task.settings);
    if (task.error) print_message("relievo: {}\n", task.error->message());
  }
  for (const BatchTask& task : batch.left()) {
    print_line(as_json ? report_of_plan(task)
                       : fmt::format("{}: {}", task.picture, (task.folder / task.name).string()));
  }
  const Estimate taken = estimate(pictures, machine);
  if (as_json) print_line(report_of_plan(taken));
  for (const std::string& sentence : taken.refused) print_message("relievo: {}\n", sentence);
  if (!as_json && taken.pictures > 0) print_line(taken.sentence());
  print_message("{}\n", batch.summary());
  return 0;
}

/// Fills what follows from several words.
void complete(BatchWords& options) {
  GenerateOptions& generate = options.generate;
  set_mask(generate.settings, generate.mask);
  if (!generate.sides.empty()) {
    throw Error(ErrorCode::kInvalidSettings, "A batch cannot have one picture of the back for all.",
                "Use --back mirror or --back fill, or name each object's sides in a manifest.");
  }
  BatchRequest& request = options.request;
  request.folder = generate.folder;
  request.formats = generate.formats;
  request.renders = generate.renders;
  request.settings = generate.settings;
  request.required = generate.required;
  if (!options.until.empty()) generate.until = next_time_of_day(options.until);
  generate.thumbnails = request.report = options.report;
}

int run(BatchWords& options) {
  if (!options.ray.empty()) {
    throw Error(ErrorCode::kInvalidSettings, "This program knows no Ray cluster.",
                "Use the command `relievo` of the Python package, with Ray beside it: pip install "
                "'relievo[cluster]'.");
  }
  complete(options);
  GenerateOptions& generate = options.generate;
  const BatchRequest& request = options.request;
  Batch batch(request, interruption());
  for (const std::string& note : batch.notes()) print_message("relievo: {}\n", note);
  if (generate.json) {
    for (const std::string& report : batch.made_before()) print_line(report);
  }
  if (request.dry_run) return print_plan(batch, generate.machine, generate.json);
  std::vector<PictureTask> tasks;
  for (const BatchTask& task : batch.left()) {
    tasks.push_back({task.picture, task.name, task.settings, task.folder, task.former, task.error});
  }
  Recorder record;
  const auto on_outcome = [&](size_t place, const PictureOutcome& outcome) {
    record([&] {
      if (outcome.error) {
        batch.fail(place, *outcome.error, outcome.files, outcome.thumbnail);
      } else {
        batch.finish(place, report_of(outcome), outcome.files, outcome.thumbnail);
      }
    });
  };
  const auto outcomes = generate_all(tasks, generate, on_outcome, false,
                                     [&](size_t begun) { record([&] { batch.begin(begun); }); });
  print_message("{}\n", batch.summary());
  const bool has_report = !options.report || record([&] {
    print_message("relievo: The report is '{}'.\n", batch.write_report().string());
  });
  const int status = exit_status_of(outcomes, batch.pictures());
  if (status == 0 && outcomes.size() < tasks.size()) return kExitSomeFailed;
  return status == 0 && !(has_report && batch.is_recorded()) ? exit_status(ErrorCode::kIo) : status;
}

void add_words(CLI::App& parser, BatchWords& options) {
  BatchRequest& request = options.request;
  parser
      .add_option("source", request.source,
                  "Folder of pictures, or a manifest (JSON, or JSON lines in a .jsonl file)")
      ->required();
  add_generate_options(parser, options.generate);
  parser.add_flag("--recursive", request.recursive,
                  "Take in the pictures of subfolders; their results lie in such folders");
  parser.add_flag("!--no-sides", request.sides,
                  "Make an object of each picture, also of cup_front.png and cup_back.png");
  parser.add_flag("--again", request.again, "Make everything anew, also what is finished");
  parser.add_flag("--retry-failed", request.only_failed, "Make only what failed the last time");
  parser.add_flag("--dry-run", request.dry_run,
                  "Only say what would be made, and what time and memory that would take; write nothing");
  parser.add_option("--until", options.until, "Begin no picture after this time of day, such as 07:00");
  parser.add_option("--require", options.generate.required, help_of_requirements())->delimiter(',');
  parser.add_flag("!--no-report", options.report,
                  "Write no relievo-report.html, relievo-metrics.jsonl and relievo-metrics.csv");
  parser.add_flag("!--no-lock", request.lock,
                  "Do not keep other batches from writing into the folder: for file systems without locks");
  parser.add_option(
      "--ray", options.ray,
      "Address of a Ray cluster that makes the pictures (host:6379, ray://host:10001, auto); with "
      "the command of the Python package relievo[cluster]");
}

}  // namespace

BatchWords read_batch_words(const std::vector<std::string>& words) {
  CLI::App parser("", "relievo batch");
  BatchWords options;
  add_words(parser, options);
  try {
    parser.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorCode::kInvalidSettings, error.what(), "See relievo batch --help.");
  }
  complete(options);
  say_without_effect(parser, options.generate.settings);
  return options;
}

Command add_batch(CLI::App& parser) {
  const auto options = std::make_shared<BatchWords>();
  add_words(parser, *options);
  return [options, &parser] {
    say_without_effect(parser, options->generate.settings);
    return run(*options);
  };
}

}  // namespace relievo

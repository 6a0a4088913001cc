#include <memory>
#include <optional>

#include <fmt/format.h>

#include "app/commands.h"
#include "app/generate.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "batch/batch.h"
#include "batch/report.h"

namespace relievo {
namespace {

struct BatchOptions {
  GenerateOptions generate;
  BatchRequest request;
};

/// Writes to the journal. A failure stops nothing: the picture is only made again the next time.
template <typename Record>
void record(const Record& action) {
  try {
    action();
  } catch (const Error& error) {
    print_message("relievo: {}\n", error.message());
  }
}

/// Prints what would be made, and makes nothing.
int print_plan(const Batch& batch, bool as_json) {
  for (const BatchTask& task : batch.left()) {
    print_line(as_json ? report_of_plan(task)
                       : fmt::format("{}: {}", task.picture, (task.folder / task.name).string()));
  }
  print_message("{}\n", batch.summary());
  return 0;
}

int run(BatchOptions& options) {
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
  Batch batch(request, interruption());
  for (const std::string& note : batch.notes()) print_message("relievo: {}\n", note);
  if (generate.json) {
    for (const std::string& report : batch.made_before()) print_line(report);
  }
  if (request.dry_run) return print_plan(batch, generate.json);
  std::vector<PictureTask> tasks;
  for (const BatchTask& task : batch.left()) {
    tasks.push_back({task.picture, task.name, task.settings, task.folder, task.former});
  }
  size_t place = 0;
  const auto on_outcome = [&](const PictureOutcome& outcome) {
    record([&] {
      if (outcome.error) {
        batch.fail(place, *outcome.error, outcome.files);
      } else {
        batch.finish(place, report_of(outcome), outcome.files);
      }
    });
    ++place;
  };
  const auto outcomes = generate_all(tasks, generate, on_outcome, false,
                                     [&](size_t begun) { record([&] { batch.begin(begun); }); });
  print_message("{}\n", batch.summary());
  return exit_status_of(outcomes, batch.pictures());
}

}  // namespace

Command add_batch(CLI::App& parser) {
  const auto options = std::make_shared<BatchOptions>();
  BatchRequest& request = options->request;
  parser.add_option("source", request.source, "Folder of pictures, or a manifest (JSON)")->required();
  add_generate_options(parser, options->generate);
  parser.add_flag("--recursive", request.recursive,
                  "Take in the pictures of subfolders; their results lie in such folders");
  parser.add_flag("--again", request.again, "Make everything anew, also what is finished");
  parser.add_flag("--retry-failed", request.only_failed, "Make only what failed the last time");
  parser.add_flag("--dry-run", request.dry_run, "Only say what would be made, and write nothing");
  parser.add_flag("!--no-lock", request.lock,
                  "Do not keep other batches from writing into the folder: for file systems without locks");
  return [options, &parser] {
    say_without_effect(parser, options->generate.settings);
    return run(*options);
  };
}

}  // namespace relievo

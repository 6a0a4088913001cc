// Makes and saves many pictures.
#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "app/generate.h"
#include "app/progress_line.h"
#include "app/savers.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "batch/report.h"
#include "batch/thumbnail.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// Waits for the job, drawing its progress, and cancels it when the program is interrupted. `meanwhile` is
/// called now and then.
void follow(const Job& job, const std::string& title, const CancelToken& cancel, ProgressLine& line,
            const std::function<void()>& meanwhile) {
  while (!job.wait(0.1)) {
    if (cancel.cancelled()) job.cancel();
    meanwhile();
    line.draw(title, job.status());
  }
  line.clear();
}

/// The most threads that save results: the others of the processor compute.
size_t most_savers() { return std::max(1U, std::thread::hardware_concurrency() / 2); }

/// Saves the result of a job that has ended.
void save(const Job& job, const GenerateOptions& options, const CancelToken& cancel,
          PictureOutcome& outcome) {
  const PictureTask& task = outcome.task;
  try {
    if (options.thumbnails) outcome.thumbnail = thumbnail_of(job.previews());
    outcome.result = job.take();
    outcome.error = job.error();
    if (!outcome.result) return;
    if (!options.required.empty()) outcome.met = require(*outcome.result, options.required);
    const fs::path folder = task.folder.empty() ? fs::path(options.folder) : task.folder;
    Naming naming{.former = task.former, .is_given = true};
    outcome.files = save_result(*outcome.result, folder, options.formats, naming);
    // The renders get the meshes' name, which differs from the given one where a file of that name has come
    // since.
    if (!outcome.files.empty()) naming.name = outcome.files.front().stem().string();
    const auto pictures = save_renders(*outcome.result, folder, options.renders, naming, cancel);
    outcome.files.insert(outcome.files.end(), pictures.begin(), pictures.end());
  } catch (...) {
    outcome.error = current_error();
  }
}

void say_what_is_left(const std::vector<PictureOutcome>& outcomes, size_t pictures) {
  size_t made = 0, failed = 0;
  for (const PictureOutcome& outcome : outcomes) {
    if (!outcome.error) ++made;
    if (outcome.error && outcome.error->code() != ErrorCode::kCancelled) ++failed;
  }
  print_message("relievo: Interrupted: {} of {} made, {} failed, {} left.\n", made, pictures, failed,
                pictures - made - failed);
}

}  // namespace

std::vector<PictureOutcome> generate_all(
    const std::vector<PictureTask>& tasks, const GenerateOptions& options,
    const std::function<void(size_t place, const PictureOutcome&)>& on_outcome, bool is_strict,
    const std::function<void(size_t place)>& on_begin) {
  const CancelToken cancel = interruption();
  std::vector<PictureOutcome> outcomes;
  if (tasks.empty()) return outcomes;
  Engine engine(options.machine);
  /// A job, or the reason why there is none.
  struct Submitted {
    std::optional<Job> job;
    std::optional<Error> error;
  };
  const auto submit = [&](const PictureTask& task) -> Submitted {
    if (task.error) return {{}, task.error};
    try {
      return {engine.submit({.picture = task.picture, .name = task.name, .settings = task.settings}), {}};
    } catch (...) {
      if (is_strict) throw;
      return {{}, current_error()};
    }
  };
  ProgressLine line(!options.json);
  const auto report = [&](PictureOutcome outcome) {
    line.clear();
    if (options.json) {
      print_line(report_of(outcome));
    } else {
      print_text(outcome);
    }
    outcome.result.reset();
    outcome.thumbnail = {};
    outcomes.push_back(std::move(outcome));
  };

  // So many jobs are submitted that no worker waits while results are written, and no more, because results
  // take memory until then.
  const size_t ahead = 2 * engine.workers().size();
  std::deque<Submitted> submitted;
  const size_t threads = std::clamp<size_t>(engine.workers().size(), 1, most_savers());
  Savers savers(threads);
  const auto report_saved = [&](size_t most) {
    while (std::optional<PictureOutcome> outcome = savers.next(most)) report(std::move(*outcome));
  };
  const auto is_late = [&] { return options.until && std::chrono::system_clock::now() >= *options.until; };
  for (size_t i = 0; i < tasks.size() && !cancel.cancelled(); ++i) {
    if (is_late()) {
      print_message("relievo: The time of --until has come, so {} of {} pictures are left.\n",
                    tasks.size() - i, tasks.size());
      break;
    }
    while (submitted.size() <= ahead && i + submitted.size() < tasks.size()) {
      submitted.push_back(submit(tasks[i + submitted.size()]));
    }
    if (i == 0)
      prepare_folder(
          options.folder);  // a folder that cannot be written to is noticed before anything is computed
    if (on_begin) on_begin(i);
    const Submitted now = submitted.front();
    submitted.pop_front();
    if (now.job) {
      const std::string title = fmt::format("[{}/{}] {}", i + 1, tasks.size(), tasks[i].name);
      follow(*now.job, title, cancel, line, [&] { report_saved(threads); });
    }
    savers.add(Savers::Work([&, i, now] {
      PictureOutcome outcome{tasks[i], nullptr, {}, now.error};
      if (now.job) save(*now.job, options, cancel, outcome);
      on_outcome(i, outcome);
      return outcome;
    }));
    report_saved(threads);
  }
  report_saved(0);
  if (cancel.cancelled()) say_what_is_left(outcomes, tasks.size());
  return outcomes;
}

}  // namespace relievo

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "app/commands.h"
#include "app/progress_line.h"
#include "base/error.h"
#include "base/interruption.h"
#include "base/standard_output.h"
#include "downloads/store.h"

namespace relievo {
namespace {

using nlohmann::json;

struct Options {
  std::string name, source, certificates;
  std::vector<std::string> from;
  double patience = std::chrono::duration<double>(kPatience).count();  // seconds
  bool json = false, free = false, accept_licence = false;
};

void print(const json& object) {
  print_output("{}\n", object.dump(-1, ' ', false, json::error_handler_t::replace));
}

json or_null(const auto& optional) { return optional ? json(*optional) : json(nullptr); }

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

json describe(const CatalogueModel& model) {
  json files = json::array();
  for (const CatalogueFile& file : model.files) {
    files.push_back({{"path", file.path},
                     {"url", file.url.empty() ? json(nullptr) : json(file.url)},
                     {"bytes", or_null(file.bytes)},
                     {"sha256", or_null(file.sha256)},
                     {"installed", !installed_file(model, file).empty()}});
  }
  return {{"name", model.name},
          {"title", model.title},
          {"state", state_name(model_state(model))},
          {"licence", model.licence},
          {"licence_note", model.licence_note},
          {"free", is_free(model)},
          {"bytes", or_null(size_of(model))},
          {"one_picture", model.one_picture},
          {"stages", model.stages},
          {"files", files},
          {"folder", model.embedded ? json(nullptr) : json((models_folder() / model.name).string())}};
}

std::string size_text(const CatalogueModel& model) {
  const auto bytes = size_of(model);
  const char* const files = model.files.size() == 1 ? "file" : "files";
  if (!bytes) return fmt::format("{} {}, size unknown", model.files.size(), files);
  return fmt::format("{} {}, {:.1f} {}", model.files.size(), files,
                     static_cast<double>(*bytes) / (*bytes < 1'000'000'000 ? 1e6 : 1e9),
                     *bytes < 1'000'000'000 ? "MB" : "GB");
}

int list(const Options& options) {
  for (const CatalogueModel& model : catalogue()) {
    if (options.free && !is_free(model)) continue;
    if (options.json) {
      print(describe(model));
    } else {
      print_output("{:<20} {:<10} {:<12} {}\n", model.name, state_name(model_state(model)),
                   joined(model.stages), model.title);
      print_output("{:<20} {}; licence: {}. {}\n", "", size_text(model), model.licence, model.licence_note);
    }
  }
  if (!options.json) print_output("Models are kept in '{}'.\n", models_folder().string());
  return 0;
}

/// Draws how far a file is, with the time that the rest will take at the speed so far.
class Bar {
 public:
  explicit Bar(bool wanted) : line_(wanted) {}

  void draw(const std::string& path, FetchPhase phase, uint64_t done, uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (path != path_ || phase != phase_) {
      path_ = path;
      phase_ = phase;
      begin_ = now;
      begun_at_ = done;
      drawn_ = {};
    }
    if (now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - begin_).count();
    const double speed = seconds > 0 ? static_cast<double>(done - std::min(begun_at_, done)) / seconds : 0;
    JobStatus status;
    status.stage = phase == FetchPhase::kChecking
                       ? "checking"
                       : fmt::format("{:.1f} MB, {:.1f} MB/s", static_cast<double>(done) / 1e6, speed / 1e6);
    if (total > 0) {
      status.fraction = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
      if (speed > 0 && total >= done) status.seconds_left = static_cast<double>(total - done) / speed;
    }
    line_.draw(path, status);
  }

 private:
  ProgressLine line_;
  std::string path_;
  FetchPhase phase_ = FetchPhase::kFetching;
  std::chrono::steady_clock::time_point begin_, drawn_;
  uint64_t begun_at_ = 0;
};

void say_what_is_left(const CatalogueModel& model) {
  const auto there = std::ranges::count_if(
      model.files, [&](const CatalogueFile& file) { return !installed_file(model, file).empty(); });
  print_message(
      "relievo: Interrupted: {} of {} files of '{}' are there, {} left. What has come of them is kept.\n",
      there, model.files.size(), model.name, static_cast<int64_t>(model.files.size()) - there);
}

ModelListener drawn_by(Bar& bar) {
  return [&bar](const std::string& path, FetchPhase phase, uint64_t done, uint64_t total) {
    bar.draw(path, phase, done, total);
  };
}

/// What the licence says, before anything is fetched; a person at a terminal is asked where it does not let
/// the model be used for anything. Throws Error{kInvalidSettings} for a no.
void accept_licence(const CatalogueModel& model, const Options& options) {
  if (model_state(model) == ModelState::kInstalled || model.embedded || options.json) return;
  print_message("{}: {}; licence: {}. {}\n", model.title, size_text(model), model.licence,
                model.licence_note);
  const bool is_person = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  if (is_free(model) || options.accept_licence || !is_person) return;
  print_message("Do you accept this licence? [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return;
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("The licence '{}' of the model '{}' was not accepted.", model.licence, model.name),
              "Nothing was fetched. Answer y, or give --accept-licence.");
}

int fetch(const Options& options) {
  const CatalogueModel& model = catalogue_model(options.name);
  accept_licence(model, options);
  std::vector<std::string> fetched;
  try {
    Bar bar(!options.json);
    const std::unique_ptr<Transport> transport = web(options.certificates);
    const std::chrono::milliseconds patience(static_cast<int64_t>(1000 * options.patience));
    fetched =
        fetch_model(model, {*transport, options.from, Control{{}, interruption()}, drawn_by(bar), patience});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) say_what_is_left(model);
    throw;
  }
  const std::string folder = find_model(model.name).folder.string();
  if (options.json) {
    print({{"name", model.name}, {"ok", true}, {"fetched", fetched}, {"folder", folder}});
  } else if (fetched.empty()) {
    print_output("'{}' is installed and as it should be, in '{}'.\n", model.name, folder);
  } else {
    print_output("Fetched {} of '{}' into '{}'.\n", joined(fetched), model.name, folder);
  }
  return 0;
}

int verify(const Options& options) {
  const CatalogueModel& model = catalogue_model(options.name);
  std::vector<std::string> unknown;
  {
    Bar bar(!options.json);
    unknown = verify_model(model, Control{{}, interruption()}, drawn_by(bar));
  }
  if (options.json) {
    print({{"name", model.name}, {"ok", true}, {"unknown", unknown}});
  } else {
    print_output("'{}' is as it should be.\n", model.name);
    if (!unknown.empty()) print_output("  No checksum is known of {}.\n", joined(unknown));
  }
  return 0;
}

int import(const Options& options) {
  Imported imported;
  {
    Bar bar(!options.json);
    imported = import_model(options.source, options.name, Control{{}, interruption()}, drawn_by(bar));
  }
  const ModelState state = model_state(catalogue_model(imported.name));
  if (options.json) {
    print({{"name", imported.name},
           {"ok", true},
           {"imported", imported.paths},
           {"unpublished", imported.unpublished},
           {"state", state_name(state)}});
  } else {
    print_output("Imported {} as '{}' ({}).\n", joined(imported.paths), imported.name, state_name(state));
    if (!imported.unpublished.empty())
      print_output("  The content is not the published one of {}.\n", joined(imported.unpublished));
  }
  return 0;
}

int remove(const Options& options) {
  const bool was_there = remove_model(catalogue_model(options.name));
  if (options.json) {
    print({{"name", options.name}, {"ok", true}, {"removed", was_there}});
  } else {
    print_output("'{}' {}\n", options.name, was_there ? "is removed." : "was not installed.");
  }
  return 0;
}

using Subcommand = std::function<int(const Options&)>;

/// Runs the command; with --json a failure is an object too, as in generate.
int reported(const Options& options, const Subcommand& command) {
  try {
    return command(options);
  } catch (...) {
    if (!options.json) throw;
    const Error error = current_error();
    print({{"name", options.name},
           {"ok", false},
           {"error",
            {{"code", code_name(error.code())}, {"message", error.message()}, {"hint", error.hint()}}}});
    return exit_status(error.code());
  }
}

}  // namespace

Command add_models(CLI::App& parser, const Web& web) {
  const auto options = std::make_shared<Options>();
  const auto chosen = std::make_shared<Subcommand>();
  parser.require_subcommand(1);
  const auto add = [&](const char* name, const char* description, const Subcommand& command) {
    CLI::App* sub = parser.add_subcommand(name, description);
    sub->add_flag("--json", options->json, "Print JSON, one object a line");
    sub->callback([chosen, command] { *chosen = command; });
    return sub;
  };
  const auto add_name = [&](CLI::App* sub) { sub->add_option("name", options->name, "Model")->required(); };
  CLI::App* listing = add("list", "All models and whether they are installed", list);
  listing->add_flag("--free", options->free, "Only those that may be used for anything");
  CLI::App* fetching = add("fetch", "Fetch a model, or the rest of it", fetch);
  add_name(fetching);
  fetching->add_flag("--accept-licence", options->accept_licence,
                     "Accept the licence without being asked, where a terminal would ask");
  fetching->add_option("--from", options->from,
                       "Folder or address of a mirror, tried before the catalogue's own; may be repeated "
                       "(also: RELIEVO_MODEL_MIRRORS)");
  fetching
      ->add_option("--certificates", options->certificates,
                   "File of certificates (PEM) that are trusted in place of the system's")
      ->envname("RELIEVO_CERTIFICATES");
  fetching
      ->add_option("--patience", options->patience,
                   "Seconds after which a server that sends next to nothing is given up")
      ->check(CLI::Range(0.1, 86400.0));
  add_name(add("verify", "Compare a model's files with their checksums", verify));
  CLI::App* importing = add("import", "Copy a weight file or a folder in", import);
  importing->add_option("source", options->source, "Weight file, or folder of a diffusers model")->required();
  importing->add_option("--as", options->name, "The model that it is");
  add_name(add("remove", "Delete a model's files", remove));
  return [options, chosen] { return reported(*options, *chosen); };
}

}  // namespace relievo

#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>
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
  std::vector<std::string> names, from;
  double patience = std::chrono::duration<double>(kPatience).count();  // in seconds
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

json describe(const ModelTotal& total) {
  return {{"files", total.files},
          {"bytes", or_null(total.bytes)},
          {"bytes_there", total.bytes_there},
          {"bytes_free", or_null(total.bytes_free)}};
}

json describe(const CatalogueModel& model) {
  json files = json::array(), sets = json::array();
  for (const CatalogueFile& file : model.files) {
    const auto checksum = known_checksum(file);
    files.push_back({{"path", file.path},
                     {"url", file.url.empty() ? json(nullptr) : json(file.url)},
                     {"bytes", or_null(file.bytes)},
                     {"sha256", checksum ? json(checksum->sha256) : json(nullptr)},
                     {"sha256_from", checksum ? json(voucher_name(checksum->voucher)) : json(nullptr)},
                     {"installed", !installed_file(model, file).empty()}});
  }
  for (const ModelSet& set : sets_with(model.name)) {
    json described = describe(total_of(set.models));
    described.update({{"title", set.title}, {"models", set.models}});
    sets.push_back(std::move(described));
  }
  return {{"name", model.name},
          {"title", model.title},
          {"state", state_name(model_state(model))},
          {"licence", model.licence},
          {"licence_note", model.licence_note},
          {"free", is_free(model)},
          {"untried", model.is_untried},
          {"bytes", or_null(size_of(model))},
          {"one_picture", model.one_picture},
          {"stages", model.stages},
          {"files", files},
          {"sets", sets},
          {"folder", model.embedded ? json(nullptr) : json((models_folder() / model.name).string())}};
}

std::string size_text(uint64_t bytes) {
  return bytes < 1'000'000'000 ? fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6)
                               : fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

/// "6 files, 5.4 GB (1.7 GB of it there)"
std::string total_text(const ModelTotal& total) {
  std::string text = fmt::format("{} {}, {}", total.files, total.files == 1 ? "file" : "files",
                                 total.bytes ? size_text(*total.bytes) : std::string("size unknown"));
  const bool is_whole = total.bytes == total.bytes_there;
  if (total.bytes_there > 0 && !is_whole)
    text += fmt::format(" ({} of it there)", size_text(total.bytes_there));
  return text;
}

/// The text about licence and checksums that is printed before a download.
std::string terms_text(const CatalogueModel& model) {
  std::string text = fmt::format("licence: {}.", model.licence);
  if (!model.licence_note.empty()) text += " " + model.licence_note;
  const auto untold =
      std::ranges::count_if(model.files, [](const CatalogueFile& file) { return !file.sha256; });
  if (untold > 0) {
    text += fmt::format(
        " The checksums of {} of its files are not published: the server's own are taken, and "
        "remembered.",
        untold);
  }
  return text;
}

/// Prints the models that `options` lets through, and below them the sets that work together.
int list(const Options& options) {
  std::vector<ModelSet> sets;
  for (const CatalogueModel& model : catalogue()) {
    if (options.free && !is_free(model)) continue;
    if (options.json) {
      print(describe(model));
      continue;
    }
    print_output("{:<20} {:<10} {:<12} {}\n", model.name, state_name(model_state(model)),
                 joined(model.stages), model.title);
    print_output("{:<20} {}; {}\n", "", total_text(total_of({model.name})), terms_text(model));
    if (model.is_untried) print_output("{:<20} Not yet run with the published weights.\n", "");
    for (ModelSet& set : sets_with(model.name)) {
      const bool is_all_free =
          std::ranges::all_of(set.models, [](const auto& name) { return is_free(catalogue_model(name)); });
      if (!options.free || is_all_free) sets.push_back(std::move(set));
    }
  }
  if (options.json) return 0;
  if (!sets.empty()) print_output("What works together:\n");
  for (const ModelSet& set : sets) {
    print_output("  {}: {}\n", set.title, total_text(total_of(set.models)));
    print_output("    relievo models fetch {}\n", fmt::join(set.models, " "));
  }
  print_output("Models are kept in '{}'.\n", models_folder().string());
  return 0;
}

/// Draws the progress of all files together, with the time that the rest will take at the speed so far.
class Bar {
 public:
  explicit Bar(bool wanted) : line_(wanted) {}

  void draw(const std::string& path, FetchPhase phase, uint64_t done, uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (!has_begun_ || phase != phase_ || done < begun_at_) {
      has_begun_ = true;
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
  bool has_begun_ = false;
  FetchPhase phase_ = FetchPhase::kFetching;
  std::chrono::steady_clock::time_point begin_, drawn_;
  uint64_t begun_at_ = 0;
};

void say_what_is_left(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const CatalogueModel& model = catalogue_model(name);
    const auto there = std::ranges::count_if(
        model.files, [&](const CatalogueFile& file) { return !installed_file(model, file).empty(); });
    print_message(
        "relievo: Interrupted: {} of {} files of '{}' are there, {} left. What has come of them is kept.\n",
        there, model.files.size(), model.name, static_cast<int64_t>(model.files.size()) - there);
  }
}

ModelListener drawn_by(Bar& bar) {
  return [&bar](const std::string& path, FetchPhase phase, uint64_t done, uint64_t total) {
    bar.draw(path, phase, done, total);
  };
}

/// Prints the licence before anything is fetched; a person at a terminal is asked where it does not let the
/// model be used for anything. Throws Error{kInvalidSettings} when the answer is no, and where nobody can be
/// asked.
void accept_licence(const CatalogueModel& model, const Options& options) {
  if (model_state(model) == ModelState::kInstalled || model.embedded) return;
  if (!options.json)
    print_message("{}: {}; {}\n", model.title, total_text(total_of({model.name})), terms_text(model));
  if (is_free(model) || options.accept_licence) return;
  const bool is_person = !options.json && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
  if (is_person) {
    print_message("Do you accept this licence? [y/N] ");
    std::string answer;
    std::getline(std::cin, answer);
    if (answer == "y" || answer == "Y" || answer == "yes") return;
  }
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("The licence '{}' of the model '{}' was not accepted.", model.licence, model.name),
              is_person ? "Nothing was fetched. Answer y, or give --accept-licence."
                        : "Nothing was fetched. Read what it means (`relievo models list`), and give "
                          "--accept-licence.");
}

void say_what_came(const std::string& name, const std::vector<Fetched>& fetched) {
  const std::string folder = find_model(name).folder.string();
  std::vector<std::string> paths;
  for (const Fetched& file : fetched) {
    paths.push_back(file.path);
  }
  if (paths.empty()) {
    print_output("'{}' is installed and as it should be, in '{}'.\n", name, folder);
    return;
  }
  print_output("Fetched {} of '{}' into '{}'.\n", joined(paths), name, folder);
  for (const Fetched& file : fetched) {
    if (file.voucher == Voucher::kServer)
      print_output("  The checksum of {} is the server's own, and is remembered.\n", file.path);
    if (file.voucher == Voucher::kNobody)
      print_output("  Nobody tells a checksum of {}: that of what came is remembered.\n", file.path);
  }
}

int fetch(const Options& options, const Web& web) {
  for (const std::string& name : options.names) accept_licence(catalogue_model(name), options);
  if (!options.json) {
    const ModelTotal total = total_of(options.names);
    if (total.bytes != total.bytes_there && total.bytes_free)
      print_message("{}; {} are free in '{}'.\n", total_text(total), size_text(*total.bytes_free),
                    models_folder().string());
  }
  std::vector<Fetched> fetched;
  try {
    Bar bar(!options.json);
    const std::unique_ptr<Transport> transport = web(options.certificates);
    const std::chrono::milliseconds patience(static_cast<int64_t>(1000 * options.patience));
    fetched = fetch_models(options.names,
                           {*transport, options.from, Control{{}, interruption()}, drawn_by(bar), patience});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) say_what_is_left(options.names);
    throw;
  }
  for (const std::string& name : options.names) {
    std::vector<Fetched> of_model;
    std::ranges::copy_if(fetched, std::back_inserter(of_model),
                         [&](const Fetched& file) { return file.model == name; });
    if (!options.json) {
      say_what_came(name, of_model);
      continue;
    }
    json paths = json::array();
    for (const Fetched& file : of_model) paths.push_back(file.path);
    print({{"name", name}, {"ok", true}, {"fetched", paths}, {"folder", find_model(name).folder.string()}});
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

/// Runs the command; with --json a failure is printed as an object too, as in generate.
int reported(const Options& options, const Subcommand& command) {
  try {
    return command(options);
  } catch (...) {
    if (!options.json) throw;
    const Error error = current_error();
    print({{"name", options.names.empty() ? options.name : fmt::format("{}", fmt::join(options.names, " "))},
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
  CLI::App* fetching = add("fetch", "Fetch models, or the rest of them",
                           [web](const Options& given) { return fetch(given, web); });
  fetching->add_option("names", options->names, "Models; what works together, `relievo models list` tells")
      ->required();
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

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "app/commands.h"
#include "base/error.h"
#include "base/interruption.h"
#include "base/json.h"
#include "base/standard_output.h"
#include "check/check.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> files;
  std::vector<std::string> required;
  bool json = false;
};

std::string yes(bool is_so) { return is_so ? "yes" : "no"; }

/// A row of the table; its heading has the same widths.
std::string row(const std::string& file, const MeshReport& report, size_t width) {
  const auto percent = [](bool is_known, double share) {
    return is_known ? fmt::format("{:.1f} %", 100 * share) : std::string("-");
  };
  const auto size = [&](size_t axis) { return report.high[axis] - report.low[axis]; };
  return fmt::format(
      "{:<{}} {:>9} {:>6} {:>6} {:>5} {:>10} {:>8} {:>10} {:>7} {:>7} {:>8} {:>7} {:>7}  {:.4g} x {:.4g} x "
      "{:.4g}",
      file, width, report.faces, report.surface.components, report.debris, report.inner_shells,
      yes(report.surface.watertight), yes(report.surface.manifold), yes(report.consistent),
      report.has_uv ? fmt::format("{}", report.charts) : std::string("-"),
      percent(report.has_uv, report.slivers), percent(report.has_uv, report.uv_overlap),
      report.has_uv ? fmt::format("{:.2f}", report.density_spread) : std::string("-"),
      percent(report.has_texture, report.black_texels), size(0), size(1), size(2));
}

std::string heading(size_t width) {
  return fmt::format("{:<{}} {:>9} {:>6} {:>6} {:>5} {:>10} {:>8} {:>10} {:>7} {:>7} {:>8} {:>7} {:>7}  size",
                     "file", width, "faces", "pieces", "debris", "inner", "watertight", "manifold",
                     "consistent", "charts", "slivers", "overlap", "spread", "black");
}

std::string report_of_failure(const std::string& file, const Error& error) {
  const nlohmann::json object = {
      {"file", file},
      {"ok", false},
      {"error", {{"code", code_name(error.code())}, {"message", error.message()}, {"hint", error.hint()}}}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Judges one file and prints what it is like. Returns 0, or the exit status of its fault.
int judge(const std::string& file, const Options& options, size_t width, const CancelToken& cancel) {
  try {
    const MeshReport report = check_mesh(read_mesh(file, cancel), cancel);
    print_output("{}\n", options.json ? report_of(file, report, options.required) : row(file, report, width));
    const std::string unmet = what_is_unmet(report, options.required);
    if (unmet.empty()) return 0;
    print_message("relievo: {}: {}\n", file, unmet);
    return exit_status(ErrorCode::kInvalidImage);
  } catch (...) {
    const Error error = current_error();
    if (error.code() == ErrorCode::kCancelled) throw;
    if (options.json) print_output("{}\n", report_of_failure(file, error));
    print_message("relievo: {}\n", error.message());
    if (!error.hint().empty()) print_message("  {}\n", error.hint());
    return exit_status(error.code());
  }
}

int run(const Options& options) {
  check_requirements(options.required);
  size_t width = 4;
  for (const std::string& file : options.files) width = std::max(width, file.size());
  if (!options.json) print_output("{}\n", heading(width));
  const CancelToken cancel = interruption();
  int status = 0;
  for (const std::string& file : options.files) {
    const int fault = judge(file, options, width, cancel);
    if (fault != 0) status = options.files.size() > 1 ? kExitSomeFailed : fault;
  }
  return status;
}

}  // namespace

std::string help_of_requirements() {
  std::vector<std::string> words;
  for (const Requirement& each : requirements())
    words.push_back(fmt::format("{} ({})", each.word, each.meaning));
  return fmt::format("What a mesh must meet, separated by commas: {}", fmt::join(words, ", "));
}

Command add_check(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("files", options->files, "Meshes, of any program: GLB, OBJ or PLY")->required();
  parser.add_option("--require", options->required, help_of_requirements())->delimiter(',');
  parser.add_flag("--json", options->json, "Print one JSON object a file");
  return [options] { return run(*options); };
}

}  // namespace relievo

#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/standard_output.h"
#include "verify/golden.h"

namespace relievo {
namespace {

using nlohmann::json;

struct Options {
  std::string folder;
  bool json = false;
};

/// Writes null for the infinity of a tensor that cannot be compared, because JSON has no infinity.
json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

void print_json(const GoldenReport& report) {
  json worst = json::array();
  for (const Comparison& c : report.worst) {
    worst.push_back({{"case", c.case_name},
                     {"tensor", c.tensor},
                     {"error", number_or_null(c.error)},
                     {"tolerance", c.tolerance}});
  }
  const json object = {{"cases", report.cases},
                       {"failed", report.failed},
                       {"unsupported", report.unsupported},
                       {"unread", report.unread},
                       {"worst", worst}};
  print_output("{}\n", object.dump(-1, ' ', false, json::error_handler_t::replace));
}

void print_text(const GoldenReport& report) {
  for (const Comparison& c : report.worst) {
    print_output("{} {:<36} {:<44} error {:.3g}, tolerance {:.3g}\n", c.passed() ? "ok  " : "FAIL",
                 c.case_name, c.tensor, c.error, c.tolerance);
  }
  for (const std::string& name : report.unread) print_output("unread      {}\n", name);
  for (const std::string& name : report.unsupported) print_output("unsupported {}\n", name);
  print_output("{} cases, {} failed\n", report.cases, report.failed);
}

}  // namespace

Command add_golden(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  parser.add_option("folder", options->folder, "Folder of fixtures, or one fixture")->required();
  parser.add_flag("--json", options->json, "Print one JSON object");
  return [options] {
    const GoldenReport report = run_golden(options->folder);
    options->json ? print_json(report) : print_text(report);
    return report.failed == 0 ? 0 : 1;
  };
}

}  // namespace relievo

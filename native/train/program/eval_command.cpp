#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/numeric_option.h"
#include "base/error.h"
#include "base/interruption.h"
#include "base/parallel.h"
#include "base/standard_output.h"
#include "reconstruct/compact_file.h"
#include "train/learn/evaluate.h"
#include "train/program/commands.h"
#include "train/program/live_line.h"
#include "train/program/sources_options.h"

namespace relievo {
namespace {

using nlohmann::json;

struct Options {
  Sources sources;
  EvaluateOptions evaluate;
  std::string model;
  std::string folder;
  bool wants_sheets = false;
  bool wants_layers = false;
};

json score_json(const ShapeScore& score) {
  return {{"iou", score.overlap}, {"chamfer", score.chamfer}, {"f02", score.f02}, {"f05", score.f05}};
}

std::string in_columns(const ShapeScore& s) {
  return fmt::format("{:6.3f} {:7.3f} {:6.3f} {:6.3f}", s.overlap, s.chamfer, s.f02, s.f05);
}

void print_families(const std::vector<MeasuredObject>& measured) {
  std::map<std::string, std::vector<const MeasuredObject*>> families;
  for (const MeasuredObject& one : measured)
    families[one.origin.source + "/" + one.origin.family].push_back(&one);
  print_output("\n{:<48} {:>4}  {:>10} {:>10}\n", "family", "n", "inflation", "network");
  for (const auto& [name, members] : families) {
    double before = 0, after = 0;
    for (const MeasuredObject* one : members) {
      before += one->inflation.f05 / static_cast<double>(members.size());
      after += one->network.f05 / static_cast<double>(members.size());
    }
    print_output("{:<48} {:>4}  {:10.3f} {:10.3f}\n", name, members.size(), before, after);
  }
}

}  // namespace

TrainCommand add_eval(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  add_sources(parser, options->sources);
  parser.add_option("--model", options->model, "Exported model (.safetensors); without it, inflation alone");
  parser.add_option("-o,--output", options->folder, "Folder of the report")->required();
  add_number(parser, "--grid", options->evaluate.grid, Range<int>{16, 512}, "Cubes a side of the surfaces");
  add_number(parser, "--per-family", options->evaluate.per_family, Range<int>{1, 100'000},
             "Objects of a family at most");
  parser.add_flag("--sheets", options->wants_sheets, "Write a contact sheet of each object");
  parser.add_flag("--layers", options->wants_layers,
                  "Measure the shape of the layered depth instead of the distances");
  return [options] {
    namespace fs = std::filesystem;
    at::set_num_threads(parallel_threads());
    EvaluateOptions& evaluate_options = options->evaluate;
    if (!options->model.empty()) evaluate_options.network = load_compact(options->model);
    fs::create_directories(options->folder);
    if (options->wants_sheets) evaluate_options.sheets = fs::path(options->folder) / "sheets";
    if (options->wants_layers) evaluate_options.shape = CompactShape::kLayers;
    evaluate_options.cancel = interruption();
    std::ofstream report(fs::path(options->folder) / "objects.jsonl");
    LiveLine line;
    int count = 0;
    evaluate_options.on_object = [&](const MeasuredObject& one) {
      report << json{{"name", one.origin.name},
                     {"source", one.origin.source},
                     {"family", one.origin.family},
                     {"part", part_name(part_of(one.origin))},
                     {"inflation", score_json(one.inflation)},
                     {"network", score_json(one.network)}}
                    .dump()
             << "\n"
             << std::flush;
      line.show(fmt::format("{} objects, the last {}: F@.05 {:.3f} by inflation, {:.3f} by the network",
                            ++count, one.origin.name, one.inflation.f05, one.network.f05));
    };
    const auto measured = evaluate(list_objects(options->sources), evaluate_options);
    if (!report) {
      throw Error(ErrorCode::kIo, fmt::format("The report in '{}' cannot be written.", options->folder),
                  "Free some space on the disk.");
    }
    print_output("{:<28} {:>4} {:>4}  {:^28}  {:^28}  {}\n", "source, part", "n", "fam.",
                 "inflation: IoU chamf F.02 F.05", "network: IoU chamf F.02 F.05", "gain of F.05");
    for (const Figures& f : figures_of(measured)) {
      print_output("{:<28} {:>4} {:>4}  {}  {}  {:+.3f} ± {:.3f}\n", f.source + ", " + f.part, f.objects,
                   f.families, in_columns(f.inflation), in_columns(f.network), f.gain, f.gain_reach);
    }
    print_families(measured);
    if (options->model.empty()) return 0;
    const std::vector<std::string> missing = shortfalls(measured);
    print_output("\n{}\n", missing.empty() ? "The model meets the rule for the default, but for its pictures."
                                           : "The model does not meet the rule for the default:");
    for (const std::string& sentence : missing) print_output("- {}\n", sentence);
    return 0;
  };
}

}  // namespace relievo

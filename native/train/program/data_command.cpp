#include <memory>

#include <fmt/format.h>

#include "app/numeric_option.h"
#include "base/clock.h"
#include "base/interruption.h"
#include "base/parallel.h"
#include "base/standard_output.h"
#include "train/data/make_data.h"
#include "train/program/commands.h"
#include "train/program/live_line.h"
#include "train/program/sources_options.h"

namespace relievo {
namespace {

struct Options {
  Sources sources;
  DataSettings settings;
  std::string folder;
};

}  // namespace

TrainCommand add_data(CLI::App& parser) {
  const auto options = std::make_shared<Options>();
  options->settings.threads = parallel_threads();
  parser.add_option("-o,--output", options->folder, "Folder of the samples; what is there already is kept")
      ->required();
  add_sources(parser, options->sources);
  add_number(parser, "--views", options->settings.samples.views, Range<int>{1, 64},
             "Pictures of each object");
  add_number(parser, "--picture-size", options->settings.samples.picture_side, Range<int>{32, 512},
             "Side of the pictures");
  add_number(parser, "--depth-size", options->settings.samples.depth_side, Range<int>{16, 256},
             "Side of the layered depth");
  add_number(parser, "--seed", options->settings.seed, Range<uint64_t>{0, 1'000'000}, "Seed of all views");
  add_number(parser, "--threads", options->settings.threads, Range<int>{1, 1024}, "Objects at a time");
  parser.add_flag("--six-views", options->settings.samples.six_views,
                  "Make views of six cameras, which InstantMesh is fine-tuned with");
  parser.add_flag("--retry-refused", options->settings.retry_refused, "Try refused objects again");
  return [options] {
    const auto objects = list_objects(options->sources);
    const CancelToken cancel = interruption();
    const Clock::time_point start = Clock::now();
    DataCounts counts;
    {
      LiveLine line;
      counts = make_data(objects, options->folder, options->settings, cancel, [&](const DataCounts& now) {
        const int left = now.total - now.done();
        const double each = seconds_since(start) / std::max(now.made, 1);
        line.show(fmt::format("{} of {} objects, {} refused, {:.2f} s each, {} left", now.done(), now.total,
                              now.refused, each, in_words(each * left)));
      });
    }
    print_output(
        "{} objects made in {:.1f} s ({:.2f} s each), {} there before, {} refused (refused.jsonl says why)\n",
        counts.made, seconds_since(start), seconds_since(start) / std::max(counts.made, 1), counts.kept,
        counts.refused);
    return 0;
  };
}

}  // namespace relievo

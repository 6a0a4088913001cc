// A picture of how a training went.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace relievo {

/// Writes `metrics.svg` beside the run's `metrics.jsonl`: the loss and the IoU at the points over the steps.
/// Nothing where there are fewer than two lines. Throws Error{kIo}.
void write_plot(const std::filesystem::path& run);

struct Curve {
  std::string name;
  std::vector<double> steps, values;  ///< of equal size, finite
};

/// The curves as an SVG document, one below the other, each between its own least and largest value. Long
/// ones are thinned by averaging.
std::string plot_of(const std::vector<Curve>& curves);

}  // namespace relievo

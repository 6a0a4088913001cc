#include "train/learn/plot.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/input_file.h"
#include "base/json.h"

namespace relievo {
namespace {

constexpr size_t kMostPoints = 200;
constexpr double kWidth = 640, kHeight = 200, kLeft = 70, kTop = 30;

/// The mean of each of at most kMostPoints runs of values.
std::vector<double> thinned(const std::vector<double>& values) {
  const size_t run = (values.size() + kMostPoints - 1) / kMostPoints;
  std::vector<double> means;
  for (size_t first = 0; first < values.size(); first += run) {
    const auto part = std::span(values).subspan(first, std::min(run, values.size() - first));
    means.push_back(std::accumulate(part.begin(), part.end(), 0.0) / static_cast<double>(part.size()));
  }
  return means;
}

std::string curve_svg(const Curve& curve, double top) {
  const std::vector<double> steps = thinned(curve.steps), values = thinned(curve.values);
  const auto [low, high] = std::ranges::minmax(values);
  const double height = std::max(high - low, 1e-9), width = std::max(steps.back() - steps.front(), 1e-9);
  std::string points;
  for (size_t i = 0; i < values.size(); ++i) {
    points += fmt::format("{:.1f},{:.1f} ", kLeft + kWidth * (steps[i] - steps.front()) / width,
                          top + kHeight * (high - values[i]) / height);
  }
  const auto text = [](double x, double y, const std::string& words) {
    return fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\">{}</text>\n", x, y, words);
  };
  return text(kLeft, top - 8,
              fmt::format("{}, steps {:.0f} to {:.0f}", curve.name, steps.front(), steps.back())) +
         text(4, top + 10, fmt::format("{:.4g}", high)) + text(4, top + kHeight, fmt::format("{:.4g}", low)) +
         fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>\n",
                     kLeft, top, kWidth, kHeight) +
         "<polyline fill=\"none\" stroke=\"#06c\" points=\"" + points + "\"/>\n";
}

}  // namespace

std::string plot_of(const std::vector<Curve>& curves) {
  const double step = kTop + kHeight + 20;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
      kLeft + kWidth + 10, step * static_cast<double>(curves.size()));
  for (size_t i = 0; i < curves.size(); ++i)
    svg += curve_svg(curves[i], kTop + step * static_cast<double>(i));
  return svg + "</svg>\n";
}

void write_plot(const std::filesystem::path& run) {
  std::vector<Curve> curves{{"loss", {}, {}}, {"overlap", {}, {}}};
  if (!std::filesystem::exists(run / "metrics.jsonl")) return;
  std::istringstream lines(read_file(run / "metrics.jsonl", uint64_t{1} << 30));
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json metrics = parse_json(line);
    for (Curve& curve : curves) {
      const nlohmann::json& value = metrics.at(curve.name);
      if (!value.is_number()) continue;  // what is not finite
      curve.steps.push_back(metrics.at("step").get<double>());
      curve.values.push_back(value.get<double>());
    }
  }
  if (std::ranges::any_of(curves, [](const Curve& curve) { return curve.steps.size() < 2; })) return;
  const std::string svg = plot_of(curves);
  write_atomically(run / "metrics.svg", std::as_bytes(std::span(svg)));
}

}  // namespace relievo

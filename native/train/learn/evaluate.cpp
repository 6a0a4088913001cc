#include "train/learn/evaluate.h"

#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "files/pictures.h"
#include "reconstruct/inflated_mask.h"
#include "render/contact_sheet.h"
#include "surface/surface.h"
#include "train/data/held_out_view.h"

namespace relievo {
namespace {

/// The surface of a field in the box; without faces where there is none.
Surface surface_of(const Field& field, int grid, const Execution& execution) {
  try {
    return extract_surface(field, {.grid = grid}, execution);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kEmptySurface) throw;
    return {};
  }
}

/// Six views of a surface beside the picture, and the true object's below them.
void write_sheet(const std::filesystem::path& path, const HeldOutView& view,
                 const std::vector<Surface>& surfaces) {
  constexpr int kCell = 160;
  std::vector<ByteImage> rows;
  for (const Surface& in_box : surfaces) {
    if (in_box.faces.empty()) continue;
    TexturedMesh mesh;
    mesh.surface = in_box;
    view.to_object(mesh.surface);
    rows.push_back(contact_sheet(Renderer(mesh), view.picture(), kCell));
  }
  TexturedMesh truth;
  truth.surface = view.object().surface;
  rows.push_back(contact_sheet(Renderer(truth), view.picture(), kCell));
  ByteImage all(rows[0].width, 0, rows[0].channels);
  for (const ByteImage& row : rows) {
    all.pixels.insert(all.pixels.end(), row.pixels.begin(), row.pixels.end());
    all.height += row.height;
  }
  write_picture(path, from_bytes(all));
}

void add(ShapeScore& sum, const ShapeScore& what, double factor) {
  sum.overlap += factor * what.overlap;
  sum.chamfer += factor * what.chamfer;
  sum.f02 += factor * what.f02;
  sum.f05 += factor * what.f05;
}

}  // namespace

std::vector<MeasuredObject> evaluate(const std::vector<ObjectEntry>& objects,
                                     const EvaluateOptions& options) {
  if (!options.sheets.empty()) std::filesystem::create_directories(options.sheets);
  Execution execution;
  execution.control.cancel = options.cancel;
  std::vector<MeasuredObject> measured;
  std::map<std::string, int> of_family;
  for (const ObjectEntry& entry : objects) {
    if (part_of(entry.origin) == Part::kTraining || of_family[entry.origin.family] >= options.per_family)
      continue;
    options.cancel.check();
    MeasuredObject one{entry.origin, {}, {}};
    try {
      const HeldOutView view(entry.load(), entry.origin.name);
      const auto inflated = inflate({view.picture(), {}}, {}, execution);
      std::vector<Surface> surfaces{surface_of(*inflated, options.grid, execution)};
      one.inflation = one.network = view.score(surfaces[0]);
      if (options.network) {
        const auto field = compact_field(options.network, {view.picture(), {}}, {}, execution, options.shape);
        surfaces.push_back(surface_of(*field, options.grid, execution));
        one.network = view.score(surfaces[1]);
      }
      if (!options.sheets.empty()) write_sheet(options.sheets / (entry.origin.name + ".png"), view, surfaces);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled || error.code() == ErrorCode::kIo) throw;
      continue;
    }
    ++of_family[entry.origin.family];
    measured.push_back(one);
    if (options.on_object) options.on_object(one);
  }
  if (measured.empty()) {
    throw Error(ErrorCode::kInvalidSettings, "None of the objects is held out.",
                "Name more folders of objects.");
  }
  return measured;
}

std::vector<Figures> figures_of(const std::vector<MeasuredObject>& measured) {
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::vector<const MeasuredObject*>>>
      groups;
  for (const MeasuredObject& one : measured) {
    if (one.origin.source == "generated") continue;
    const char* const part = part_name(part_of(one.origin));
    for (const std::string& source : {one.origin.source, std::string("all")}) {
      groups[{source, part}][one.origin.source + "/" + one.origin.family].push_back(&one);
    }
  }
  std::vector<Figures> all;
  for (const auto& [key, families] : groups) {
    Figures figures{.source = key.first, .part = key.second, .families = static_cast<int>(families.size())};
    std::vector<double> gains;
    for (const auto& [family, members] : families) {
      const double weight = 1.0 / static_cast<double>(members.size() * families.size());
      for (const MeasuredObject* one : members) {
        add(figures.inflation, one->inflation, weight);
        add(figures.network, one->network, weight);
        gains.push_back(one->network.f05 - one->inflation.f05);
      }
    }
    const auto count = static_cast<double>(gains.size());
    figures.objects = static_cast<int>(gains.size());
    for (const double gain : gains) figures.gain += gain / count;
    double squares = 0;
    for (const double gain : gains) squares += (gain - figures.gain) * (gain - figures.gain);
    if (gains.size() > 1) figures.gain_reach = 1.96 * std::sqrt(squares / (count - 1) / count);
    all.push_back(std::move(figures));
  }
  return all;
}

std::vector<std::string> shortfalls(const std::vector<MeasuredObject>& measured) {
  constexpr double kLeastGain = 0.08, kLeastLowerEnd = 0.04, kMostLoss = 0.05;
  constexpr size_t kLeastObjects = 5;
  std::vector<std::string> sentences;
  bool has_objects = false, has_families = false;
  for (const Figures& figures : figures_of(measured)) {
    if (figures.source != "all") continue;
    const double gain = figures.network.f05 - figures.inflation.f05;
    if (figures.part == part_name(Part::kHeldOutFamily)) {
      has_families = true;
      if (gain < 0) {
        sentences.push_back(
            fmt::format("On held-out families F@.05 is {:.3f} below the inflation's.", -gain));
      }
      continue;
    }
    has_objects = true;
    if (gain < kLeastGain) {
      sentences.push_back(fmt::format(
          "On held-out objects F@.05 is {:+.3f} from the inflation's, not {:.2f} above.", gain, kLeastGain));
    }
    if (figures.gain - figures.gain_reach <= kLeastLowerEnd) {
      sentences.push_back(fmt::format("The interval of that begins at {:+.3f}, not above {:.2f}.",
                                      figures.gain - figures.gain_reach, kLeastLowerEnd));
    }
  }
  if (!has_objects) sentences.emplace_back("No held-out object was measured.");
  if (!has_families) sentences.emplace_back("No held-out family was measured.");
  std::map<std::string, std::vector<double>> gains;
  for (const MeasuredObject& one : measured) {
    if (one.origin.source == "generated") continue;
    gains[one.origin.source + "/" + one.origin.family].push_back(one.network.f05 - one.inflation.f05);
  }
  for (const auto& [family, all] : gains) {
    const double mean = std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
    if (all.size() >= kLeastObjects && mean < -kMostLoss) {
      sentences.push_back(fmt::format("F@.05 of {} is {:.3f} below the inflation's.", family, -mean));
    }
  }
  return sentences;
}

}  // namespace relievo

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "surface/clean_surface.h"
#include "surface/collapse_edges.h"
#include "surface/shape_loss.h"
#include "surface/sides.h"

namespace relievo {

namespace {

/// Returns whether so much was lost that it is another shape.
bool is_destroyed(const Surface& before, const Surface& after) {
  constexpr double kMostVolume = 0.15, kMostOutline = 0.08;
  const ShapeLoss loss = shape_loss(before, after);
  return loss.volume > kMostVolume || loss.outline > kMostOutline;
}

/// Collapses to the fewest faces, but not fewer than asked for, that do not destroy the shape.
Surface collapsed(const Surface& surface, int64_t target_faces, const Control& control) {
  Surface fewest = collapse_edges(surface, target_faces, control.part(0, 0.5));
  if (!is_destroyed(surface, fewest)) return fewest;
  fewest = surface;
  collapse_edges(surface, target_faces, control.part(0.5, 1), [&](const Surface& reached) {
    if (is_destroyed(surface, reached)) return false;
    fewest = reached;
    return true;
  });
  return fewest;
}

}  // namespace

Surface simplify_surface(const Surface& surface, int64_t target_faces, const Control& control) {
  constexpr int64_t kFewest = 4;  // a tetrahedron
  if (target_faces < kFewest) {
    throw invalid_value("number of faces", fmt::to_string(target_faces),
                        fmt::format("Use {} or more.", kFewest));
  }
  check_indices(surface);
  control.step(0);
  if (std::ssize(surface.faces) <= target_faces) return surface;
  const CleanSettings keep_all{.smallest_share = 0};
  const Surface sound = clean_surface(surface, keep_all, control.part(0, 0.1));
  const Surface simplified = collapsed(sound, target_faces, control.part(0.1, 0.9));
  return clean_surface(simplified, keep_all, control.part(0.9, 1));
}

}  // namespace relievo

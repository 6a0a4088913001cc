#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <meshoptimizer.h>

#include "base/error.h"
#include "surface/clean_surface.h"
#include "surface/sides.h"

namespace relievo {

namespace {

Surface collapsed(const Surface& surface, int64_t target_faces) {
  Surface simplified;
  simplified.vertices = surface.vertices;
  simplified.faces.resize(surface.faces.size());
  static_assert(sizeof(Int3) == 3 * sizeof(unsigned int));
  auto* const out = reinterpret_cast<unsigned int*>(simplified.faces.data());
  const size_t indices = meshopt_simplify(
      out, reinterpret_cast<const unsigned int*>(surface.faces.data()), surface.faces.size() * 3,
      surface.vertices.front().data(), surface.vertices.size(), sizeof(Float3),
      static_cast<size_t>(target_faces) * 3, std::numeric_limits<float>::max(), 0, nullptr);
  simplified.faces.resize(indices / 3);
  return simplified;
}

}  // namespace

Surface simplify_surface(const Surface& surface, int64_t target_faces, const Control& control) {
  constexpr int64_t kFewest = 4;  // a tetrahedron
  if (target_faces < kFewest) {
    throw Error(ErrorCode::kInvalidSettings, fmt::format("A mesh of {} faces is not possible.", target_faces),
                fmt::format("Ask for {} or more.", kFewest));
  }
  check_indices(surface);
  control.step(0);
  if (std::ssize(surface.faces) <= target_faces) return surface;
  // Cleaning cuts a few faces in two: then so many fewer are asked for.
  constexpr int kMostRounds = 4;
  Surface simplified;
  int64_t asked = target_faces;
  for (int round = 0; round < kMostRounds; ++round) {
    simplified =
        clean_surface(collapsed(round == 0 ? surface : simplified, asked), {.smallest_share = 0},
                      control.part(static_cast<double>(round) / kMostRounds, (round + 1.0) / kMostRounds));
    const int64_t excess = std::ssize(simplified.faces) - target_faces;
    if (excess <= 0) break;
    asked = std::max(asked - 2 * excess, kFewest);
  }
  control.step(1);
  return simplified;
}

}  // namespace relievo

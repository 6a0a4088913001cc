#include <limits>

#include <fmt/format.h>
#include <meshoptimizer.h>

#include "base/error.h"
#include "surface/clean_surface.h"

namespace relievo {

Surface simplify_surface(const Surface& surface, int64_t target_faces, const Control& control) {
  constexpr int64_t kFewest = 4;  // a tetrahedron
  if (target_faces < kFewest) {
    throw Error(ErrorCode::kInvalidSettings, fmt::format("A mesh of {} faces is not possible.", target_faces),
                fmt::format("Ask for {} or more.", kFewest));
  }
  control.step(0);
  if (std::ssize(surface.faces) <= target_faces) return surface;
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
  return clean_surface(simplified, {.smallest_share = 0}, control);
}

}  // namespace relievo

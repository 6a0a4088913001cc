// The sides from which a turnaround shows an object, named as Blender names its views: the object faces -Y,
// so the right side is what is seen from +X (base/mesh.h says how these axes lie in the model box). A side is
// one more notation for a view with a camera (base/own_view.h).
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/image.h"
#include "base/own_view.h"

namespace relievo {

enum class Side { kFront, kBack, kLeft, kRight, kTop };
inline constexpr std::array kSides{Side::kFront, Side::kBack, Side::kLeft, Side::kRight, Side::kTop};

const char* side_name(Side side);  ///< `front`, `back`, `left`, `right`, `top`
std::optional<Side> side_named(std::string_view name);

/// What a picture's name says of its side: `cup-Front` is the front of `cup`, `front` that of an object
/// without a name.
struct SideOfName {
  std::string object;
  Side side = Side::kFront;
};
std::optional<SideOfName> side_in_name(std::string_view stem);

/// The front for the back, the left for the right and the other way round; none for the top.
std::optional<Side> opposite_of(Side side);

/// The view from a side, from far away. In the picture of the top, the object's front is at the bottom.
OwnView view_from(Side side, std::string picture);

/// The side from which a view sees the object, to a tenth of a degree, whatever its lens is.
std::optional<Side> side_of(const OwnView& view);

/// A picture of one side, aligned with those of the others.
struct SidePicture {
  Side side = Side::kFront;
  /// [S, S, 4] sRGB-encoded, straight alpha: the square of the model box -1..1 as that side shows it.
  Image picture;
};

}  // namespace relievo

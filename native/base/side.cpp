#include "base/side.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace relievo {
namespace {

struct Angles {
  const char* name;
  double azimuth, elevation;
};

/// In the order of Side.
constexpr std::array<Angles, 5> kAngles{
    {{"front", 0, 0}, {"back", 180, 0}, {"left", 270, 0}, {"right", 90, 0}, {"top", 0, 90}}};

}  // namespace

const char* side_name(Side side) { return kAngles[static_cast<size_t>(side)].name; }

std::optional<Side> side_named(std::string_view name) {
  const auto found = std::ranges::find_if(kSides, [&](Side side) { return name == side_name(side); });
  return found == kSides.end() ? std::nullopt : std::optional(*found);
}

std::optional<SideOfName> side_in_name(std::string_view stem) {
  const size_t end = stem.find_last_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
  const bool has_object = end != std::string_view::npos;
  if (has_object && std::string_view("_- .").find(stem[end]) == std::string_view::npos) return {};
  std::string word(stem.substr(has_object ? end + 1 : 0));
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
  const std::optional<Side> side = side_named(word);
  if (!side) return {};
  return SideOfName{std::string(stem.substr(0, has_object ? end : 0)), *side};
}

std::optional<Side> opposite_of(Side side) {
  switch (side) {
    case Side::kFront:
      return Side::kBack;
    case Side::kBack:
      return Side::kFront;
    case Side::kLeft:
      return Side::kRight;
    case Side::kRight:
      return Side::kLeft;
    case Side::kTop:
      break;
  }
  return {};
}

OwnView view_from(Side side, std::string picture) {
  const Angles& angles = kAngles[static_cast<size_t>(side)];
  return {.picture = std::move(picture),
          .azimuth = angles.azimuth,
          .elevation = angles.elevation,
          .orthographic = true};
}

std::optional<Side> side_of(const OwnView& view) {
  for (const Side side : kSides) {
    if (have_same_camera(view, view_from(side, {}))) return side;
  }
  return {};
}

}  // namespace relievo

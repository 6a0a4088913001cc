#include "base/own_view.h"

#include <cmath>
#include <filesystem>
#include <numbers>
#include <regex>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/side.h"

namespace relievo {
namespace {

double radians(double angle) { return angle * std::numbers::pi / 180; }
double degrees(double angle) { return angle * 180 / std::numbers::pi; }

void check(const OwnView& view, const char* what, double value, Range<double> range) {
  // The comparison is written so that a NaN is refused.
  if (value >= range.low && value <= range.high) return;
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("The {} of the view '{}' is {:g} degrees.", what, view.picture, value),
              fmt::format("Use {:g} to {:g}.", range.low, range.high));
}

/// Takes the side that ends the picture's name: cup_front, cup-back.
OwnView with_side_of_name(OwnView view, const std::string& name) {
  const std::optional<SideOfName> named = side_in_name(name);
  if (!named || named->object.empty()) return view;
  OwnView found = view_from(named->side, std::move(view.picture));
  found.mask = std::move(view.mask);
  return found;
}

}  // namespace

OwnView with_camera_of_name(OwnView view) {
  if (view.has_camera()) return view;
  const std::string number = R"(([+-]?\d{1,4}(?:\.\d{1,6})?))";
  static const std::regex pattern("(?:^|[^a-z0-9])az" + number + "(?:[_ -]el" + number + ")?(?:[_ -](?:fov" +
                                      number + "|(ortho)))?(?![a-z0-9.])",
                                  std::regex::icase);
  const std::string name = std::filesystem::path(view.picture).stem().string();
  std::smatch found;
  if (!std::regex_search(name, found, pattern)) return with_side_of_name(std::move(view), name);
  const auto value = [&](size_t group) {
    const std::string text = found[group];
    return read_number<double>(std::string_view(text).substr(text.starts_with('+') ? 1 : 0)).value_or(0);
  };
  view.azimuth = value(1);
  if (found[2].matched) view.elevation = value(2);
  if (found[3].matched) view.fov = value(3);
  if (found[4].matched) view.orthographic = true;
  return view;
}

void check_camera(const OwnView& view) {
  if (!view.has_camera()) return;
  check(view, "azimuth", *view.azimuth, kAzimuthRange);
  check(view, "elevation", view.elevation, kElevationRange);
  check(view, "field of view", view.fov, kFovRange);
}

bool have_same_camera(const OwnView& a, const OwnView& b) {
  if (!a.has_camera() || !b.has_camera()) return false;
  constexpr double kSame = 0.1;
  return std::abs(std::remainder(*a.azimuth - *b.azimuth, 360)) < kSame &&
         std::abs(a.elevation - b.elevation) < kSame;
}

bool is_as_trained(const OwnView& view, double frame) {
  const double fov = 2 * degrees(std::atan(frame * std::tan(radians(view.fov) / 2)));
  return !view.orthographic && fov >= 20 && fov <= 60 && view.elevation >= -22 && view.elevation <= 53;
}

Matrix4 orbit_pose(double azimuth_degrees, double elevation_degrees, double radius) {
  const double azimuth = radians(azimuth_degrees), elevation = radians(elevation_degrees);
  const double ca = std::cos(azimuth), sa = std::sin(azimuth);
  const double ce = std::cos(elevation), se = std::sin(elevation);
  return {-sa, -se * ca, ce * ca, radius * ce * ca,  //
          ca,  -se * sa, ce * sa, radius * ce * sa,  //
          0,   ce,       se,      radius * se,       //
          0,   0,        0,       1};
}

CameraVector camera_of(const OwnView& view, double frame) {
  if (!view.has_camera()) throw Error(ErrorCode::kInternal, "A view without a camera was asked for it.");
  const double half = kTrainedRadius * std::tan(radians(kTrainedFov) / 2);
  const double slope = view.orthographic ? half / kTrainedRadius : frame * std::tan(radians(view.fov) / 2);
  return camera_vector(orbit_pose(*view.azimuth, view.elevation, half / slope),
                       2 * degrees(std::atan(slope)));
}

}  // namespace relievo

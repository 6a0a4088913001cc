// The notations in which a person gives pictures with their cameras (base/own_view.h).
#pragma once

#include <string>
#include <vector>

#include "base/side.h"

namespace relievo {

struct Settings;

inline constexpr int kMostViews = 6;

/// Expands notations, in order, without looking at any picture:
/// - a folder stands for the pictures in it, in the order of their names;
/// - a file that ends in .json for the views that it lists, whose paths are relative to its folder: a JSON
///   list of paths and of objects with `picture` and perhaps `mask`, `azimuth`, `elevation`, `fov` or
///   `"orthographic": true`, or `side` (base/side.h) instead of the angles;
/// - a picture's name may tell its camera (with_camera_of_name).
/// Throws Error{kIo} for a folder or list that cannot be read, Error{kInvalidSettings} for another list.
std::vector<OwnView> expand_views(const std::vector<OwnView>& given);

/// Checks views that are expanded: 1 to 6 with cameras, no two with the same; or one without, which is a
/// grid of 3 rows x 2 columns; or six without. Grid and six have the cameras of Zero123++'s pictures
/// (base/camera.h). Throws Error{kInvalidSettings}.
void check_views(const std::vector<OwnView>& views);

/// Whether the model takes pictures of sides.
bool takes_sides(const std::string& model);

/// The settings of an object of which more sides are seen than its picture, the front, which may be empty. A
/// model that sees nothing but views gets the front as one of them, too.
Settings with_sides(Settings settings, const std::string& front, std::vector<OwnView> sides);

/// Reads the order of a sheet's figures, `front,right,back`: 2 to 5 different sides, one of them the front or
/// the back. Throws Error{kInvalidSettings}.
std::vector<Side> sides_of_sheet(const std::string& order);

/// The number of pictures that are cut out besides the request's own: those of views with cameras, or the
/// figures of its sheet.
int cut_views(const Settings& settings);

/// Checks expanded views of the model `preview`: all of sides, and where no view shows the front or the back,
/// `has_picture` of its own, which then shows the front; where it has one, none of them may show the front,
/// too. Throws Error{kInvalidSettings}.
void check_sides(const std::vector<OwnView>& views, bool has_picture);

/// Returns the number of views that the reconstruction sees with these settings, whose own views are
/// expanded: all of the person's own, but of six, of a grid and of painted ones `view_count`.
int views_seen(const Settings& settings);

}  // namespace relievo

#include "batch/group_sides.h"

#include <map>
#include <optional>
#include <utility>

#include "base/side.h"
#include "engine/own_views.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// The pictures of one object, as indices.
struct Object {
  std::optional<size_t> bare;  // whose name tells no side
  std::map<Side, size_t> sides;
  bool is_ambiguous = false;

  std::optional<size_t> front() const {
    const auto named = sides.find(Side::kFront);
    return named != sides.end() ? std::optional(named->second) : bare;
  }
  bool is_one() const {
    const size_t others = sides.size() - sides.count(Side::kFront);
    return !is_ambiguous && front() && others > 0;
  }
};

bool has_room(const Settings& settings) {
  return takes_sides(settings.model) && settings.views.empty() && settings.sheet.empty();
}

/// The name of an object that has none.
std::string name_of_folder(const ListedPicture& picture) {
  return fs::absolute(picture.picture).lexically_normal().parent_path().filename().string();
}

}  // namespace

size_t group_sides(std::vector<ListedPicture>& pictures) {
  std::map<std::pair<fs::path, std::string>, Object> objects;  // by folder and name
  for (size_t i = 0; i < pictures.size(); ++i) {
    const ListedPicture& picture = pictures[i];
    if (picture.error || !has_room(picture.settings)) continue;
    const fs::path folder = fs::path(picture.picture).parent_path();
    const std::optional<SideOfName> named = side_in_name(picture.name);
    Object& object = objects[{folder, named ? named->object : picture.name}];
    if (named) {
      object.is_ambiguous |= !object.sides.emplace(named->side, i).second;
    } else {
      object.is_ambiguous |= object.bare.has_value();
      object.bare = i;
    }
  }
  std::vector<bool> is_view(pictures.size());
  size_t grouped = 0;
  for (const auto& [key, object] : objects) {
    if (!object.is_one()) continue;
    ++grouped;
    ListedPicture& front = pictures[*object.front()];
    std::vector<OwnView> views;
    for (const auto& [side, place] : object.sides) {
      if (side == Side::kFront) continue;
      views.push_back(view_from(side, pictures[place].picture));
      is_view[place] = true;
    }
    front.settings = with_sides(std::move(front.settings), front.picture, std::move(views));
    front.name = key.second.empty() ? name_of_folder(front) : key.second;
  }
  size_t place = 0;
  std::erase_if(pictures, [&](const ListedPicture&) { return is_view[place++]; });
  return grouped;
}

}  // namespace relievo

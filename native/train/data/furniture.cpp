// Sweet Home 3D's furniture catalogues: zip archives of OBJ files, with a list in Java's properties format
// (https://www.sweethome3d.com/documentation.jsp, "Furniture library file format").
#include <algorithm>
#include <map>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "base/numbers.h"
#include "train/data/read_objects.h"
#include "train/data/sources.h"

namespace relievo {
namespace {

using Properties = std::map<std::string, std::string>;

/// Latin-1 with \uXXXX for other letters, as UTF-8.
std::string decoded(const std::string& value) {
  std::string text;
  const auto add = [&](unsigned code) {
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    } else {
      text += {static_cast<char>(0xe0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
               static_cast<char>(0x80 | (code & 63))};
    }
  };
  for (size_t i = 0; i < value.size(); ++i) {
    unsigned code = static_cast<uint8_t>(value[i]);
    if (value.compare(i, 2, "\\u") == 0 && i + 6 <= value.size()) {
      const auto [stop, error] = std::from_chars(value.data() + i + 2, value.data() + i + 6, code, 16);
      if (error == std::errc() && stop == value.data() + i + 6) i += 5;
    }
    add(code);
  }
  return text;
}

Properties read_properties(const std::vector<std::byte>& bytes) {
  std::istringstream lines(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  Properties properties;
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const size_t equals = line.find('=');
    if (line.empty() || line[0] == '#' || equals == std::string::npos) continue;
    properties[line.substr(0, equals)] = decoded(line.substr(equals + 1));
  }
  return properties;
}

std::array<float, 9> rotation_of(const std::string& words) {
  std::array<float, 9> turn{1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::istringstream stream(words);
  std::string word;
  std::array<float, 9> read{};
  for (float& value : read) {
    if (!(stream >> word)) return turn;
    const std::optional<float> number = read_number<float>(word);
    if (!number) return turn;
    value = *number;
  }
  return read;
}

}  // namespace

std::vector<ObjectEntry> list_furniture(const std::filesystem::path& catalogue) {
  const std::shared_ptr<const Archive> archive = open_zip(catalogue);
  const Properties properties = read_properties(archive->read("PluginFurnitureCatalog.properties"));
  const auto at = [&](const std::string& name) {
    const auto found = properties.find(name);
    return found == properties.end() ? std::string() : found->second;
  };
  std::vector<ObjectEntry> entries;
  for (int i = 1; !at("id#" + std::to_string(i)).empty(); ++i) {
    const std::string number = "#" + std::to_string(i), model = at("model" + number);
    const bool has_own_licence = !at("license" + number).empty();
    Origin origin{"sweethome3d-" + file_word(at("id" + number)), "sweethome3d",
                  file_word(at("name" + number)), has_own_licence ? at("license" + number) : at("license"),
                  at("creator" + number)};
    std::ranges::transform(origin.family, origin.family.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (origin.author.empty()) origin.author = at("name");
    const auto turn = rotation_of(at("modelRotation" + number));
    entries.push_back({origin, [archive, model, turn] { return read_scene(*archive, model, turn); }});
  }
  if (entries.empty()) {
    throw Error(ErrorCode::kIo, "'" + catalogue.string() + "' is a catalogue of no furniture.",
                "Give an .sh3f file.");
  }
  return entries;
}

}  // namespace relievo

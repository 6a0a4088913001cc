#include "weights/catalogue.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <new>
#include <set>
#include <sstream>
#include <stdexcept>

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "base/refusals.h"
#include "weights/builtin_catalogue.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array kStages{"foreground", "multiview", "reconstruct", "surface", "texture"};

/// Throws unless `object` has all of these keys and no other than these and the optional ones.
void check_keys(const json& object, const std::set<std::string>& keys,
                const std::set<std::string>& optional = {}) {
  if (!object.is_object()) throw std::runtime_error("it is not an object");
  for (const auto& [key, value] : object.items()) {
    if (!keys.contains(key) && !optional.contains(key))
      throw std::runtime_error(fmt::format("'{}' is not known", key));
  }
  for (const std::string& key : keys) {
    if (!object.contains(key)) throw std::runtime_error(fmt::format("'{}' is missing", key));
  }
}

std::string text(const json& object, const char* key) {
  const json& value = object.at(key);
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    throw std::runtime_error(fmt::format("'{}' is not a text", key));
  return value.get<std::string>();
}

std::string optional_text(const json& object, const char* key) {
  return object.contains(key) ? text(object, key) : std::string();
}

bool boolean(const json& object, const char* key) {
  if (!object.at(key).is_boolean())
    throw std::runtime_error(fmt::format("'{}' is neither true nor false", key));
  return object.at(key).get<bool>();
}

bool is_plain(const std::string& name) {
  return !name.empty() && name.front() != '.' && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == '_';
  });
}

bool is_sha256(const std::string& digest) {
  return digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void check_path(const std::string& path) {
  std::istringstream parts(path);
  for (std::string part; std::getline(parts, part, '/');) {
    if (!is_plain(part)) throw std::runtime_error(fmt::format("'{}' is no path inside a folder", path));
  }
  if (path.ends_with('/')) throw std::runtime_error(fmt::format("'{}' is no file", path));
}

std::optional<uint64_t> natural(const json& object, const char* key) {
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return std::nullopt;
  if (!value->is_number_unsigned() || value->get<uint64_t>() == 0)
    throw std::runtime_error(fmt::format("'{}' is not a natural number", key));
  return value->get<uint64_t>();
}

CatalogueFile parse_file(const json& object, bool embedded) {
  check_keys(object, {"path", "url", "bytes", "sha256"}, {"about_bytes"});
  CatalogueFile file;
  file.path = text(object, "path");
  check_path(file.path);
  if (!object["url"].is_null()) file.url = text(object, "url");
  if (embedded != file.url.empty())
    throw std::runtime_error(
        "an address is needed by files that do not come with the program, and by those only");
  if (!file.url.empty() && !file.url.starts_with("https://") && !file.url.starts_with("http://"))
    throw std::runtime_error(fmt::format("'{}' is no web address", file.url));
  file.bytes = natural(object, "bytes");
  file.about = natural(object, "about_bytes");
  if (file.bytes && file.about) throw std::runtime_error("'about_bytes' says what 'bytes' knows");
  if (!object["sha256"].is_null()) {
    file.sha256 = text(object, "sha256");
    if (!is_sha256(*file.sha256)) throw std::runtime_error("'sha256' is not 64 digits in lower case");
  }
  return file;
}

CatalogueModel parse_model(const json& object) {
  check_keys(object, {"name", "title", "licence", "stages", "embedded", "files"},
             {"description", "licence_note", "one_picture", "untried"});
  CatalogueModel model;
  model.name = text(object, "name");
  model.title = text(object, "title");
  model.description = optional_text(object, "description");
  model.licence = text(object, "licence");
  model.licence_note = optional_text(object, "licence_note");
  if (!is_plain(model.name)) throw std::runtime_error(fmt::format("'{}' is no name", model.name));
  model.embedded = boolean(object, "embedded");
  model.one_picture = object.contains("one_picture") && boolean(object, "one_picture");
  model.is_untried = object.contains("untried") && boolean(object, "untried");
  for (const json& stage : object["stages"]) {
    if (!stage.is_string() ||
        std::find(kStages.begin(), kStages.end(), stage.get<std::string>()) == kStages.end())
      throw std::runtime_error("'stages' has an unknown stage");
    model.stages.push_back(stage.get<std::string>());
  }
  if (!object["files"].is_array() || object["files"].empty()) throw std::runtime_error("it has no files");
  std::set<std::string> paths;
  for (const json& file : object["files"]) {
    model.files.push_back(parse_file(file, model.embedded));
    if (!paths.insert(model.files.back().path).second)
      throw std::runtime_error(fmt::format("'{}' stands twice", model.files.back().path));
  }
  return model;
}

std::string read_given(const char* given) {
  try {
    return read_file(given, JsonLimits{}.bytes);
  } catch (const Error& error) {
    throw Error(ErrorCode::kIo, error.message(), "Check RELIEVO_CATALOGUE, which names the catalogue.");
  }
}

}  // namespace

fs::path embedded_folder() { return folder_beside("models"); }

fs::path folder_beside(const std::string& name) {
  std::error_code error;
  fs::path beside = fs::read_symlink("/proc/self/exe", error);
  Dl_info here{};
  // In a Python module the program is Python itself. For the program, dladdr tells its first word, which may
  // be a relative name.
  if (dladdr(reinterpret_cast<void*>(&embedded_folder), &here) != 0 && here.dli_fname != nullptr) {
    const fs::path own = here.dli_fname;
    if (own.is_absolute() && fs::exists(own, error)) beside = fs::canonical(own, error);
  }
  const fs::path folder = beside.parent_path();
  for (const fs::path& candidate : {folder / name, folder.parent_path() / name}) {
    if (fs::is_directory(candidate, error)) return candidate;
  }
  return folder / name;
}

bool is_free(const CatalogueModel& model) {
  constexpr std::array kFree{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT"};
  return std::ranges::find(kFree, model.licence) != kFree.end();
}

std::optional<uint64_t> size_of(const CatalogueModel& model) {
  uint64_t bytes = 0;
  for (const CatalogueFile& file : model.files) {
    if (!file.bytes && !file.about) return std::nullopt;
    bytes += file.bytes ? *file.bytes : *file.about;
  }
  return bytes;
}

std::vector<ModelSet> sets_with(const std::string& name) {
  const auto is_for = [](const CatalogueModel& model, const char* stage) {
    return std::ranges::find(model.stages, stage) != model.stages.end();
  };
  const CatalogueModel& model = catalogue_model(name);
  if (model.embedded || !is_for(model, "reconstruct")) return {};
  if (model.one_picture) return {{model.title, {name}}};
  std::vector<ModelSet> sets;
  for (const CatalogueModel& other : catalogue()) {
    if (is_for(other, "multiview"))
      sets.push_back({fmt::format("{} with {}", model.title, other.title), {name, other.name}});
  }
  sets.push_back({fmt::format("{} with your own views", model.title), {name}});
  return sets;
}

std::vector<CatalogueModel> parse_catalogue(const std::string& content) {
  std::string where = "the catalogue";
  try {
    const json root = parse_json(content);
    check_keys(root, {"version", "models"});
    if (root["version"] != 1) throw std::runtime_error("its version is not 1");
    if (!root["models"].is_array()) throw std::runtime_error("'models' is no list");
    std::vector<CatalogueModel> models;
    std::set<std::string> names;
    for (const json& object : root["models"]) {
      where = fmt::format("model {} of the catalogue", models.size() + 1);
      models.push_back(parse_model(object));
      if (!names.insert(models.back().name).second)
        throw std::runtime_error(fmt::format("'{}' stands twice", models.back().name));
    }
    return models;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& reason) {
    throw Error(ErrorCode::kModelCorrupt, fmt::format("There is a fault in {}: {}.", where, reason.what()),
                "Install Relievo again, or correct the file that RELIEVO_CATALOGUE names.");
  }
}

const std::vector<CatalogueModel>& catalogue() {
  const char* given = std::getenv("RELIEVO_CATALOGUE");
  if (!given || !*given) {
    static const std::vector<CatalogueModel> builtin = parse_catalogue(kBuiltinCatalogue);
    return builtin;
  }
  // Catalogues are kept by content and never freed, so that references that were handed out stay valid when
  // the file changes.
  static std::mutex mutex;
  static std::map<std::string, std::vector<CatalogueModel>> known;
  const std::string content = read_given(given);
  const std::lock_guard lock(mutex);
  const auto found = known.find(content);
  return found != known.end() ? found->second
                              : known.emplace(content, parse_catalogue(content)).first->second;
}

const CatalogueModel& catalogue_model(const std::string& name) {
  std::vector<std::string> names;
  for (const CatalogueModel& model : catalogue()) {
    if (model.name == name) return model;
    names.push_back(model.name);
  }
  throw unknown_value("model", name, names, ErrorCode::kModelMissing);
}

fs::path models_folder() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return value ? fs::path(value) : fs::path();
  };
  if (const fs::path given = variable("RELIEVO_MODELS"); !given.empty()) return given;
  // The specification says that a relative XDG_DATA_HOME is to be ignored.
  if (const fs::path data = variable("XDG_DATA_HOME"); data.is_absolute()) return data / "relievo" / "models";
  return variable("HOME") / ".local" / "share" / "relievo" / "models";
}

fs::path installed_file(const CatalogueModel& model, const CatalogueFile& file, const fs::path& root) {
  std::error_code error;
  const fs::path path = (model.embedded ? embedded_folder() : root / model.name) / file.path;
  if (fs::is_regular_file(path, error)) return path;
  return file.path.find('/') == std::string::npos ? fs::path() : component_weights(path.parent_path());
}

ModelFiles find_model(const std::string& name, const fs::path& root) {
  const CatalogueModel& model = catalogue_model(name);
  ModelFiles found{name, model.embedded ? embedded_folder() : root / name, {}};
  std::vector<std::string> missing;
  for (const CatalogueFile& file : model.files) {
    const fs::path path = installed_file(model, file, root);
    if (path.empty()) {
      missing.push_back(file.path);
    } else {
      found.files.emplace(file.path, path);
    }
  }
  if (missing.empty()) return found;
  throw Error(ErrorCode::kModelMissing,
              found.files.empty() ? fmt::format("The model '{}' is not installed.", name)
                                  : fmt::format("The model '{}' is not complete: '{}' is missing.", name,
                                                fmt::join(missing, "', '")),
              model.embedded ? std::string("Install Relievo again.")
                             : fmt::format("Fetch it with `relievo models fetch {}`.", name));
}

}  // namespace relievo

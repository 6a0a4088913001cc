#include <cstdlib>
#include <sstream>

#include "downloads/downloads.h"
#include "downloads/web_address.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

void add(const std::string& source, const CatalogueModel& model, const CatalogueFile& file,
         std::vector<std::string>& sources) {
  if (is_web_address(source)) {
    std::string base = source;
    while (base.ends_with('/')) base.pop_back();
    sources.push_back(base + path_of_address(file.url));
    return;
  }
  constexpr std::string_view kFileScheme = "file://";
  const fs::path folder = source.starts_with(kFileScheme) ? source.substr(kFileScheme.size()) : source;
  std::error_code error;
  for (const fs::path& candidate :
       {folder / model.name / file.path, folder / file.path, folder / fs::path(file.path).filename()}) {
    if (fs::is_regular_file(candidate, error)) {
      sources.push_back(candidate.string());
      return;
    }
  }
  // The path is named in the error.
  sources.push_back((folder / file.path).string());
}

}  // namespace

std::vector<std::string> sources_of(const CatalogueModel& model, const CatalogueFile& file,
                                    const std::vector<std::string>& given) {
  std::vector<std::string> sources;
  for (const std::string& source : given) add(source, model, file, sources);
  if (const char* mirrors = std::getenv("RELIEVO_MODEL_MIRRORS")) {
    std::istringstream list(mirrors);
    for (std::string mirror; list >> mirror;) add(mirror, model, file, sources);
  }
  sources.push_back(file.url);
  return sources;
}

}  // namespace relievo

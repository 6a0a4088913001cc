#include "downloads/model_files.h"

#include <algorithm>

#include "downloads/downloads.h"
#include "weights/tensor_file.h"

namespace relievo {

namespace fs = std::filesystem;

namespace {

bool is_index(const fs::path& file) { return file.filename().string().ends_with(".index.json"); }

}  // namespace

std::vector<fs::path> parts_of(const fs::path& file) {
  std::vector<fs::path> parts{file};
  if (!is_index(file)) return parts;
  for (const auto& item : fs::directory_iterator(file.parent_path())) {
    const std::string extension = item.path().extension().string();
    if (item.is_regular_file() && (extension == ".safetensors" || extension == ".bin"))
      parts.push_back(item.path());
  }
  return parts;
}

void read_whole(const fs::path& file) {
  if (is_index(file)) {
    read_weights(file.parent_path());
  } else if (kind_of(file) == FileKind::kWeights) {
    read_weights(file);
  }
}

const CatalogueFile* catalogue_file(const CatalogueModel& model, const std::string& path) {
  const auto found = std::find_if(model.files.begin(), model.files.end(),
                                  [&](const auto& file) { return file.path == path; });
  return found == model.files.end() ? nullptr : &*found;
}

}  // namespace relievo

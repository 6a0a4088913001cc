#include "engine/model_list.h"

#include "weights/catalogue.h"
#include "weights/tensor_file.h"

namespace relievo {

std::vector<ModelInfo> list_models() {
  std::vector<ModelInfo> models;
  for (const CatalogueModel& model : catalogue()) {
    ModelInfo info{model.name,     model.title, model.licence, model.stages,
                   model.embedded, true,        size_of(model)};
    for (const CatalogueFile& file : model.files)
      info.installed = info.installed && (model.embedded || !installed_file(model, file).empty());
    models.push_back(std::move(info));
  }
  return models;
}

void check_weights(const std::filesystem::path& path) { read_weights(path); }

}  // namespace relievo

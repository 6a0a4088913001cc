#include "engine/field_of_planes.h"

#include <ATen/ATen.h>

#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

constexpr const char* kHeads = "lrm_generator.synthesizer.decoder.";

template <typename Heads>
std::shared_ptr<const Heads> loaded(const LrmConfig& config, const TensorFile& file, const Slot& slot) {
  auto heads = std::make_shared<Heads>(config.transformer.channels);
  load_strict(*heads, file, kHeads, execution_for(slot));
  // A few megabytes: of its own memory, so that the file can go.
  for (at::Tensor& parameter : heads->parameters()) parameter.set_data(parameter.clone());
  return heads;
}

}  // namespace

MakeMeshField& make_mesh_field() {
  static MakeMeshField make = [](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
    return std::make_shared<TriplaneMeshField>(std::move(planes), std::move(heads));
  };
  return make;
}

int64_t FieldsOfPlanes::weight_bytes() const {
  if (model_ == kPreviewModel) return 0;
  const LrmConfig config = published_lrm(model_);
  const int64_t in = 3 * config.transformer.channels, hidden = 64;
  return 4 * ((in + 8 * in + 2 * in) * hidden + 8 * hidden * hidden);  // the four heads, nearly
}

void FieldsOfPlanes::load(const Slot& slot) {
  if (model_ == kPreviewModel) return;
  const at::NoGradGuard no_grad;
  const std::filesystem::path path = find_model(model_).file();
  const LrmConfig config = LrmFile(model_, path).config();
  const TensorFile file = read_weights(path);
  auto heads = std::make_shared<Heads>();
  if (config.kind == LrmKind::kMesh) {
    heads->mesh = loaded<MeshHeads>(config, file, slot);
  } else {
    heads->density = loaded<DensityHeads>(config, file, slot);
  }
  heads_.set(slot, std::move(heads));
}

std::shared_ptr<const Field> FieldsOfPlanes::field(const PictureWork& work, const Slot& slot) const {
  if (work.field) return work.field;
  const auto heads = heads_.get(slot);
  at::Tensor planes = work.planes.to(device_of(slot), at::kFloat);
  if (heads->mesh) return make_mesh_field()(std::move(planes), heads->mesh);
  return std::make_shared<TriplaneDensityField>(std::move(planes), heads->density);
}

}  // namespace relievo

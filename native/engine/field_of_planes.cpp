#include "engine/field_of_planes.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "engine/shared_field.h"
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

double meshed_faces(double side) { return 6 * side * side; }

double expected_faces(const Settings& settings, double side) {
  const double all = meshed_faces(side);
  return settings.faces > 0 ? std::min<double>(settings.faces, all) : all;
}

double FieldsOfPlanes::grid_side(const Settings& settings) const {
  const bool is_density = model_ != kPreviewModel && published_lrm(model_).kind == LrmKind::kNerf;
  return is_density ? 2.0 * settings.grid : settings.grid + 1.0;
}

double FieldsOfPlanes::grid_bytes(double side) const {
  if (model_ == kPreviewModel) return 0;
  const double channels = static_cast<double>(published_lrm(model_).transformer.channels);
  return 4 * side * side * std::max(3 * channels, channels + 3 * 64);  // reconstruct/triplane_grid.h
}

double FieldsOfPlanes::bytes_per_point() const {
  if (model_ == kPreviewModel) return 24;  // its number, its place, its value
  constexpr double kHidden = 64, kLayers = 2;
  return 4 * (3.0 * static_cast<double>(published_lrm(model_).transformer.channels) + kLayers * kHidden);
}

double FieldsOfPlanes::seconds_per_point() const {
  if (model_ == kPreviewModel) return 6e-8;
  constexpr double kHidden = 64;
  const double features = 3.0 * static_cast<double>(published_lrm(model_).transformer.channels);
  return seconds_of(2 * kHidden * (features + 2 * kHidden + 4), "fp32");
}

bool FieldsOfPlanes::is_asked_on_host(const std::vector<Slot>& slots) const {
  return model_ == kPreviewModel && std::any_of(slots.begin(), slots.end(),
                                                [](const Slot& slot) { return slot.kind != SlotKind::kCpu; });
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

std::shared_ptr<const Field> FieldsOfPlanes::field(const PictureWork& work, const StageCall& call) const {
  if (call.slots.size() == 1) return field_on(work, call.slots[0]);
  std::vector<std::shared_ptr<const Field>> fields(call.slots.size());
  const OnEverySlot on_every_slot = on_every_slot_of(call);
  on_every_slot([&](size_t k) { fields[k] = field_on(work, call.slots[k]); });
  return shared_field(std::move(fields), on_every_slot);
}

std::shared_ptr<const Field> FieldsOfPlanes::field_on(const PictureWork& work, const Slot& slot) const {
  if (work.field) return work.field;
  const auto heads = heads_.get(slot);
  at::Tensor planes = work.planes.to(device_of(slot), at::kFloat);
  if (heads->mesh) return make_mesh_field()(std::move(planes), heads->mesh);
  return std::make_shared<TriplaneDensityField>(std::move(planes), heads->density);
}

}  // namespace relievo

// The fields of reconstruction models: planes, which heads make a field of.
#include <algorithm>

#include <ATen/ATen.h>

#include "engine/field_source.h"
#include "engine/shared_field.h"
#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "reconstruct/triplane_field.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

constexpr const char* kHeads = "lrm_generator.synthesizer.decoder.";
constexpr int64_t kHidden = 64;

template <typename Heads>
std::shared_ptr<const Heads> loaded(const LrmConfig& config, const TensorFile& file, const Worker& worker) {
  auto heads = std::make_shared<Heads>(config.transformer.channels);
  load_strict(*heads, file, kHeads, execution_for(worker));
  // A few megabytes: of its own memory, so that the file can go.
  for (at::Tensor& parameter : heads->parameters()) parameter.set_data(parameter.clone());
  return heads;
}

class TriplaneFields : public FieldSource {
 public:
  explicit TriplaneFields(std::string model) : model_(std::move(model)) {}

  void load(const Worker& worker) override {
    const at::NoGradGuard no_grad;
    const std::filesystem::path path = find_model(model_).file();
    const LrmConfig config = LrmFile(model_, path).config();
    const TensorFile file = read_weights(path);
    auto heads = std::make_shared<Heads>();
    if (config.kind == LrmKind::kMesh) {
      heads->mesh = loaded<MeshHeads>(config, file, worker);
    } else {
      heads->density = loaded<DensityHeads>(config, file, worker);
    }
    heads_.set(worker, std::move(heads));
  }
  void unload(const Worker& worker) override { heads_.erase(worker); }

  int64_t weight_bytes() const override {
    const int64_t in = 3 * channels();
    return 4 * ((in + 8 * in + 2 * in) * kHidden + 8 * kHidden * kHidden);  // the four heads, nearly
  }
  double grid_side(const Settings& settings) const override {
    const bool is_density = published_lrm(model_).kind == LrmKind::kNerf;
    return is_density ? 2.0 * settings.grid : FieldSource::grid_side(settings);
  }
  double grid_bytes(double side) const override {
    const auto planes = static_cast<double>(channels());
    return 4 * side * side * std::max(3 * planes, planes + 3 * kHidden);  // reconstruct/triplane_grid.h
  }
  double bytes_per_point() const override {
    constexpr double kLayers = 2;
    return 4 * (3.0 * static_cast<double>(channels()) + kLayers * kHidden);
  }
  double seconds_per_point() const override {
    const double features = 3.0 * static_cast<double>(channels());
    return seconds_of(2 * kHidden * (features + 2 * kHidden + 4), "fp32");
  }

  std::shared_ptr<const Field> field(Shape& shape, const StageCall& call) const override {
    auto& triplane = std::get<Triplane>(shape);
    std::vector<at::Tensor> planes(call.workers.size());
    std::vector<std::shared_ptr<const Field>> fields(call.workers.size());
    const OnEveryWorker on_every_worker = on_every_worker_of(call);
    const auto make = [&](size_t k) {
      planes[k] = planes_in(call.workers[k], triplane);
      fields[k] = field_of(planes[k], call.workers[k]);
    };
    if (fields.size() == 1) {
      make(0);
    } else {
      on_every_worker(make);
    }
    for (size_t k = 0; k < planes.size(); ++k) triplane.in_workers[call.workers[k].name] = planes[k];
    return shared_field(std::move(fields), on_every_worker);
  }

 private:
  struct Heads {
    std::shared_ptr<const MeshHeads> mesh;
    std::shared_ptr<const DensityHeads> density;
  };

  int64_t channels() const { return published_lrm(model_).transformer.channels; }

  /// Copied there unless they were before. On the worker's own thread, for it is its stream that reads them.
  static at::Tensor planes_in(const Worker& worker, const Triplane& triplane) {
    const auto found = triplane.in_workers.find(worker.name);
    return found != triplane.in_workers.end() ? found->second
                                              : triplane.planes.to(device_of(worker), at::kFloat);
  }

  std::shared_ptr<const Field> field_of(at::Tensor planes, const Worker& worker) const {
    const auto heads = heads_.get(worker);
    if (heads->mesh) return make_mesh_field()(std::move(planes), heads->mesh);
    return std::make_shared<TriplaneDensityField>(std::move(planes), heads->density);
  }

  std::string model_;
  ByWorker<Heads> heads_;
};

}  // namespace

MakeMeshField& make_mesh_field() {
  static MakeMeshField make = [](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
    return std::make_shared<TriplaneMeshField>(std::move(planes), std::move(heads));
  };
  return make;
}

std::unique_ptr<FieldSource> triplane_fields(const std::string& model) {
  return std::make_unique<TriplaneFields>(model);
}

}  // namespace relievo

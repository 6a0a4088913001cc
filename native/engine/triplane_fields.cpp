// The fields of reconstruction models, which heads make from planes.
#include <algorithm>

#include <ATen/ATen.h>

#include "engine/field_source.h"
#include "engine/shared_field.h"
#include "engine/stages.h"
#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "reconstruct/triplane_field.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

constexpr int64_t kHidden = 64;  // width of the published heads' hidden layers

template <typename Heads>
std::shared_ptr<const Heads> loaded(std::shared_ptr<Heads> heads, const std::filesystem::path& path,
                                    const char* prefix, const Worker& worker) {
  load_strict(*heads, read_weights(path), prefix, execution_for(worker));
  // The heads get memory of their own, some megabytes, so that the file can be closed.
  for (at::Tensor& parameter : heads->parameters()) parameter.set_data(parameter.clone());
  return heads;
}

/// The heads of a mesh model or of a density model; the other is null.
struct Heads {
  std::shared_ptr<const MeshHeads> mesh;
  std::shared_ptr<const DensityHeads> density;
};

/// The part that all of them share: the published sizes tell the costs.
class TriplaneFields : public FieldSource {
 public:
  TriplaneFields(std::string model, int64_t channels, int64_t hidden_layers, bool is_density)
      : model_(std::move(model)),
        channels_(channels),
        hidden_layers_(hidden_layers),
        is_density_(is_density) {}

  void load(const Worker& worker) override {
    const at::NoGradGuard no_grad;
    heads_.set(worker, std::make_shared<Heads>(heads_of(find_model(model_).file(), worker)));
  }
  void unload(const Worker& worker) override { heads_.erase(worker); }

  double grid_side(const Settings& settings) const override {
    return is_density_ ? 2.0 * settings.grid : FieldSource::grid_side(settings);
  }
  double grid_bytes(double side) const override {
    const auto planes = static_cast<double>(channels_);
    return 4 * side * side * std::max(3 * planes, planes + 3 * kHidden);  // as in reconstruct/triplane_grid.h
  }
  double bytes_per_point() const override {
    constexpr double kLayers = 2;
    return 4 * (3.0 * static_cast<double>(channels_) + kLayers * kHidden);
  }
  double seconds_per_point() const override {
    const double features = 3.0 * static_cast<double>(channels_),
                 layers = static_cast<double>(hidden_layers_ - 1);
    return seconds_of(2 * kHidden * (features + layers * kHidden + 4), "fp32");
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

 protected:
  virtual Heads heads_of(const std::filesystem::path& path, const Worker& worker) const = 0;

  const std::string& model() const { return model_; }
  int64_t channels() const { return channels_; }

 private:
  /// Copies the planes into the worker unless they are there. Must be called on the worker's own thread,
  /// whose stream reads them.
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
  int64_t channels_, hidden_layers_;
  bool is_density_;
  ByWorker<Heads> heads_;
};

class LrmFields : public TriplaneFields {
 public:
  explicit LrmFields(const std::string& model, const LrmConfig& published)
      : TriplaneFields(model, published.transformer.channels, /*hidden_layers=*/3,
                       published.kind == LrmKind::kNerf) {}

  int64_t weight_bytes() const override {
    const int64_t in = 3 * channels();
    return 4 * ((in + 8 * in + 2 * in) * kHidden + 8 * kHidden * kHidden);  // approximately the four heads
  }

 protected:
  Heads heads_of(const std::filesystem::path& path, const Worker& worker) const override {
    constexpr const char* kPrefix = "lrm_generator.synthesizer.decoder.";
    const LrmConfig config = LrmFile(model(), path).config();
    const int64_t planes = config.transformer.channels;
    if (config.kind == LrmKind::kMesh) {
      return {loaded(std::make_shared<MeshHeads>(planes), path, kPrefix, worker), nullptr};
    }
    return {nullptr, loaded(std::make_shared<DensityHeads>(planes), path, kPrefix, worker)};
  }
};

class TripoSrFields : public TriplaneFields {
 public:
  explicit TripoSrFields(const std::string& model, const TripoSrConfig& published = {})
      : TriplaneFields(model, published.transformer.plane_channels, published.head_layers,
                       /*is_density=*/true),
        hidden_layers_(published.head_layers) {}

  int64_t weight_bytes() const override {
    return 4 * kHidden * (3 * channels() + (hidden_layers_ - 1) * kHidden + 4);
  }

 protected:
  Heads heads_of(const std::filesystem::path& path, const Worker& worker) const override {
    const DensityHeadConfig head = TripoSrFile(path).config().head();
    return {nullptr, loaded(std::make_shared<DensityHeads>(head), path, "decoder.", worker)};
  }

 private:
  int64_t hidden_layers_;
};

}  // namespace

MakeMeshField& make_mesh_field() {
  static MakeMeshField make = [](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
    return std::make_shared<TriplaneMeshField>(std::move(planes), std::move(heads));
  };
  return make;
}

std::unique_ptr<FieldSource> triplane_fields(const std::string& model) {
  if (model == kTripoSrModel) return std::make_unique<TripoSrFields>(model);
  return std::make_unique<LrmFields>(model, published_lrm(model));
}

}  // namespace relievo

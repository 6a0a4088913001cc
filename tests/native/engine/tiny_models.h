// A complete set of models for diffusion and reconstruction in the published layouts, so small that a picture
// takes a fraction of a second: random weights, and a beam added to the distance, so that there is a surface
// (and one whose charts are soon packed).
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "../multiview/tiny_folder.h"
#include "engine/field_source.h"
#include "reconstruct/lrm.h"
#include "reconstruct/triplane_field.h"

namespace relievo {

inline constexpr const char* kTinyModel = "instant-mesh-base";

/// The models lie in a folder of their own, which is removed with the process.
class TinyModels {
 public:
  static const std::filesystem::path& folder() {
    static const TinyModels models;
    return models.folder_;
  }

 private:
  TinyModels() {
    TinyNetworks().write(folder_ / "zero123plus-v1.2");
    write_reconstruction(folder_ / kTinyModel);
  }
  ~TinyModels() { std::filesystem::remove_all(folder_); }

  static void write_reconstruction(const std::filesystem::path& folder) {
    write_json(folder / "config.json",
               {{"dino", {{"hidden", 24}, {"heads", 2}, {"layers", 2}, {"patch", 16}, {"image", 32}}},
                {"params",
                 {{"transformer_dim", 32},
                  {"transformer_heads", 2},
                  {"transformer_layers", 2},
                  {"encoder_feat_dim", 24},
                  {"triplane_low_res", 8},
                  {"triplane_high_res", 16},
                  {"triplane_dim", 8}}}});
    LrmConfig config;
    config.encoder = {.width = 24, .heads = 2, .layers = 2, .mlp_width = 96, .patch = 16, .image = 32};
    config.transformer = {.width = 32,
                          .heads = 2,
                          .layers = 2,
                          .condition_width = 24,
                          .low_resolution = 8,
                          .high_resolution = 16,
                          .channels = 8};
    Lrm lrm(config);
    fill_randomly(lrm);
    save_network(folder / "instant_mesh_base.ckpt", lrm, "lrm_generator.");
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("relievo-tiny-" + std::to_string(::getpid()));
};

/// The distance of a square beam with a twentieth of the head's on it.
class TinyField : public TriplaneMeshField {
 public:
  using TriplaneMeshField::TriplaneMeshField;

  at::Tensor values(const at::Tensor& points) const override {
    return with_beam(TriplaneMeshField::values(points), points);
  }
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override {
    return std::make_unique<OnGrid>(TriplaneMeshField::on_grid(line, byte_budget), line);
  }

 private:
  static at::Tensor with_beam(const at::Tensor& distance, const at::Tensor& points) {
    const at::Tensor beam = (points.cpu() / at::tensor({0.85, 0.25, 0.25}, at::kFloat)).abs().amax(-1) - 1;
    return beam.to(distance.device()) + distance * 0.05;
  }

  class OnGrid : public GridField {
   public:
    OnGrid(std::unique_ptr<GridField> heads, at::Tensor line)
        : heads_(std::move(heads)), line_(std::move(line)) {}
    at::Tensor values(int64_t first, int64_t last) const override {
      return with_beam(heads_->values(first, last), line_positions(line_, at::arange(first, last)));
    }
    at::Tensor deformation(const at::Tensor& vertices) const override {
      return heads_->deformation(vertices);
    }
    at::Tensor cube_weights(const at::Tensor& corners) const override {
      return heads_->cube_weights(corners);
    }
    bool cubes_are_narrow() const override { return heads_->cubes_are_narrow(); }
    int64_t held_bytes() const override { return heads_->held_bytes(); }

   private:
    std::unique_ptr<GridField> heads_;
    at::Tensor line_;
  };
};

/// An environment variable, while this lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_.empty()) {
      unsetenv(name_);
    } else {
      setenv(name_, before_.c_str(), 1);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::string before_;
};

/// The engine's models are the tiny ones as long as this object lives.
class WithTinyModels {
 public:
  WithTinyModels() {
    make_mesh_field() = [](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
      return std::make_shared<TinyField>(std::move(planes), std::move(heads));
    };
  }
  ~WithTinyModels() { make_mesh_field() = published_; }

 private:
  MakeMeshField published_ = make_mesh_field();
  Variable models_{"RELIEVO_MODELS", TinyModels::folder()};
  Variable cache_{"XDG_CACHE_HOME", TinyModels::folder() / "cache"};  // what was measured here is not theirs
};

}  // namespace relievo

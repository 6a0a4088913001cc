// Fine-tuning of the published reconstruction models: their networks and weights, and the distances and
// colours at points that the data maker knows.
#include <cmath>

#include <ATen/ATen.h>

#include "base/camera.h"
#include "base/error.h"
#include "reconstruct/load.h"
#include "train/learn/autocast_scope.h"
#include "train/learn/learner.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

/// `[..., 3, H, W]` of pictures `[..., H, W, 4]` on a plain grey ground.
at::Tensor on_ground(const at::Tensor& rgba, double grey) {
  const at::Tensor alpha = rgba.slice(-1, 3, 4);
  return (rgba.slice(-1, 0, 3) * alpha + grey * (1 - alpha)).movedim(-1, -3).contiguous();
}

/// Answers of each item's planes at its points.
struct PointAnswers {
  at::Tensor distance;  // [B, P]
  at::Tensor colour;    // [B, P, 3]
};

/// Distances are learnt near the surface and their sign everywhere, colours near the surface.
Losses losses_at_points(const PointAnswers& answers, const SampleBatch& batch, const LossWeights& weights) {
  Losses losses = distance_losses(answers.distance, batch.distances, at::ones_like(batch.distances));
  losses.colour = colour_loss(answers.colour, batch);
  losses.total =
      weights.distance * losses.distance + weights.inside * losses.inside + weights.colour * losses.colour;
  return losses;
}

/// InstantMesh's mesh models. Deformation and cube weights stay as they are.
class LrmLearner : public Learner {
 public:
  explicit LrmLearner(const TrainConfig& config)
      : config_(config),
        network_(std::const_pointer_cast<Lrm>(LrmFile(config.finetune, weights_of(config)).whole({}))) {
    std::vector<float> cameras;
    for (const CameraVector& camera : six_view_cameras()) {
      cameras.insert(cameras.end(), camera.begin(), camera.end());
    }
    cameras_ = at::tensor(cameras).view({1, -1, 16});
  }

  Seen sees() const override { return Seen::kSixViews; }
  NamedParameters parameters() const override {
    NamedParameters learning;
    for (const auto& item : network_->named_parameters()) {
      const bool is_kept = item.key().find("net_deformation") != std::string::npos ||
                           item.key().find("net_weight") != std::string::npos;
      if (!is_kept) learning.emplace_back(item.key(), item.value());
    }
    return learning;
  }
  void to(at::Device device) override {
    network_->to(device);
    cameras_ = cameras_.to(device);
  }

  Losses losses(const SampleBatch& batch) const override {
    PointAnswers answers;
    {
      const AutocastScope scope(config_.precision, batch.points.device().type());
      const at::Tensor planes = network_->learning_planes(on_ground(batch.pictures, 1),
                                                          cameras_.expand({batch.points.size(0), -1, -1}),
                                                          block_runner(config_.checkpointed));
      std::vector<at::Tensor> distances, colours;
      for (int64_t i = 0; i < planes.size(0); ++i) {
        const at::Tensor features = sample_triplane(planes[i], batch.points[i]);
        distances.push_back(network_->mesh_heads()->distance->forward(features).squeeze(1));
        colours.push_back(colour_of(network_->mesh_heads()->colour->forward(features)));
      }
      answers = {at::stack(distances).to(at::kFloat), at::stack(colours).to(at::kFloat)};
    }
    return losses_at_points(answers, batch, config_.loss);
  }

 private:
  TrainConfig config_;
  std::shared_ptr<Lrm> network_;
  at::Tensor cameras_;  // [1, 6, 16]
};

/// TripoSR sees one picture. Its density has no distance: what is learnt is on which side of the threshold it
/// is, by the logarithm, which changes evenly through the surface.
class TripoSrLearner : public Learner {
 public:
  explicit TripoSrLearner(const TrainConfig& config)
      : config_(config),
        file_(weights_of(config)),
        network_(std::const_pointer_cast<TripoSr>(file_.whole({}))) {}

  Seen sees() const override { return Seen::kPicture; }
  NamedParameters parameters() const override { return network_->named_parameters().pairs(); }
  void to(at::Device device) override { network_->to(device); }

  Losses losses(const SampleBatch& batch) const override {
    constexpr double kGround = 0.5;
    const int64_t side = file_.config().picture_side;
    const at::Tensor pictures =
        at::_upsample_bilinear2d_aa(on_ground(batch.pictures, kGround), {side, side}, false);
    PointAnswers answers;
    {
      const AutocastScope scope(config_.precision, batch.points.device().type());
      const at::Tensor planes = network_->learning_planes(pictures, block_runner(config_.checkpointed));
      const double threshold = std::log(network_->head()->threshold());
      std::vector<at::Tensor> distances, colours;
      for (int64_t i = 0; i < planes.size(0); ++i) {
        const at::Tensor raw = network_->head()->density_and_colour->forward(
            sample_triplane(planes[i], batch.points[i] * kSeenSide));
        // exp(raw - 1) is the density; e-fold changes of it take a hundredth of the box at a sharp surface.
        constexpr double kLengthOfFold = 0.01;
        distances.push_back((threshold + 1 - raw.select(1, 0).to(at::kFloat)) * kLengthOfFold);
        colours.push_back(network_->head()->colour(raw));
      }
      answers = {at::stack(distances), at::stack(colours).to(at::kFloat)};
    }
    return losses_at_points(answers, batch, config_.loss);
  }

 private:
  /// Half the width of what the published cameras (distance 1.9, field of view 40 degrees) see at the origin,
  /// in the model box, whose half is kTripoSrRadius.
  static constexpr double kSeenSide = 1.9 * 0.36397 / kTripoSrRadius;

  TrainConfig config_;
  TripoSrFile file_;
  std::shared_ptr<TripoSr> network_;
};

}  // namespace

std::filesystem::path weights_of(const TrainConfig& config) {
  return config.weights.empty() ? find_model(config.finetune).file() : config.weights;
}

std::string prefix_of(const std::string& finetune) {
  return finetune.starts_with("instant-mesh-") ? "lrm_generator." : "";
}

std::unique_ptr<Learner> make_finetuner(const TrainConfig& config) {
  if (config.finetune == "triposr") return std::make_unique<TripoSrLearner>(config);
  return std::make_unique<LrmLearner>(config);
}

}  // namespace relievo

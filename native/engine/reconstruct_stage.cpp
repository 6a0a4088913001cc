#include <ATen/ATen.h>

#include "base/camera.h"
#include "engine/stages.h"
#include "nn/tensors.h"
#include "reconstruct/lrm.h"
#include "runtime/torch/counting_allocator.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

constexpr double kMiB = 1 << 20;

class ReconstructStage : public PipelineStage {
 public:
  explicit ReconstructStage(std::string model)
      : PipelineStage("reconstruct", "reconstruct"), model_(std::move(model)) {}

  void load(const StageLoad& load) override {
    const at::NoGradGuard no_grad;
    auto weights = std::make_shared<Weights>();
    weights->lrm = std::make_shared<Lrm>(published_lrm(model_));
    const TensorFile file = read_weights(find_model(model_).file());
    load_strict(*weights->lrm, file, "lrm_generator.", execution_for(load.slot, load.precision));
    weights->mapped = MemoryCharge(mapped_bytes(*weights->lrm, file));
    weights_.set(load.slot, std::move(weights));
  }
  void unload(const Slot& slot) override { weights_.erase(slot); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Slot>& slots) const override {
    const LrmConfig config = published_lrm(model_);
    const auto& t = config.transformer;
    const auto& e = config.encoder;
    const double patches = static_cast<double>(settings.input_size) / static_cast<double>(e.patch);
    const double views = settings.view_count, seen = views * (patches * patches + 1);
    const double planes = 3.0 * static_cast<double>(t.low_resolution * t.low_resolution);
    const auto width = static_cast<double>(t.width);
    // A block: queries, keys, values and output of both attentions, an MLP of 4 widths; twice a
    // multiplication.
    const double block = 2 * planes * width * (4 * width + 2 * width + 8 * width) +
                         2 * seen * static_cast<double>(t.condition_width) * 2 * width +
                         4 * planes * width * (planes + seen);
    const double operations = static_cast<double>(t.layers) * block + 2 * 86e6 * seen;
    const std::string precision = precision_of(settings, "reconstruct", slots);
    StageProfile profile;
    for (const std::string& wanted : {precision, std::string("bf16")}) {
      if (!profile.modes.empty() && (precision != "fp32")) continue;
      StageMode mode;
      mode.rung = profile.modes.empty() ? Rung::kFull : Rung::kHalf;
      mode.precision = wanted;
      const double element = wanted == "fp32" ? 4 : 2;
      mode.weight_bytes =
          static_cast<int64_t>(element * (86e6 + static_cast<double>(t.layers) * 16.8e6 + 10e6));
      mode.workspace_bytes = 16 * kMiB;
      mode.workspace_bytes_per_picture = element * (planes * width * 14 + seen * 768 * 6);
      mode.seconds_per_picture = operations / (wanted == "fp32" ? 100e9 : 250e9);
      profile.modes.push_back(mode);
    }
    profile.max_batch = 1;
    profile.output_bytes_per_picture = 4 * 3 * t.channels * t.high_resolution * t.high_resolution;
    return profile;
  }

  PictureWork make(PictureWork work, const StageCall& call, const Execution& execution) override {
    const at::NoGradGuard no_grad;
    Views views = *work.views;
    if (work.job->settings().view_count == 4) {
      const at::Tensor four = at::tensor(at::ArrayRef<int>(kFourViews), at::kLong);
      views = {views.pixels.index_select(0, four), views.cameras.index_select(0, four)};
    }
    const auto weights = weights_.get(call.slots[0]);
    const Control& control = execution.control;
    control.step(0);
    const at::Tensor tokens = weights->lrm->encode(views, execution);
    control.step(0.3);
    work.planes = weights->lrm->planes(tokens, execution).to(at::kFloat);
    control.step(1);
    return work;
  }

 private:
  struct Weights {
    std::shared_ptr<Lrm> lrm;
    MemoryCharge mapped;
  };

  std::string model_;
  BySlot<Weights> weights_;
};

}  // namespace

std::shared_ptr<PipelineStage> reconstruct_stage(const std::string& model) {
  return std::make_shared<ReconstructStage>(model);
}

}  // namespace relievo

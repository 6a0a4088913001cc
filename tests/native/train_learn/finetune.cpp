// Fine-tuning of the published architectures, at small size and from random weights.
#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "small_data.h"
#include "train/learn/learner.h"
#include "train/learn/run_state.h"
#include "train/learn/tensors_to_write.h"
#include "train/learn/trainer.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void write_weights(const fs::path& path, torch::nn::Module& network, const std::string& prefix) {
  at::manual_seed(4);
  TensorsToWrite file;
  for (const auto& item : network.named_parameters()) {
    file.add(prefix + item.key(), at::randn(item.value().sizes()) * 0.1);
  }
  file.write(path);
}

class Finetune : public SmallData {
 protected:
  void SetUp() override {
    SmallData::SetUp();
    fs::create_directories(folder_ / "published");
  }

  fs::path triposr_weights() const {
    const json config = {{"vit", {{"hidden", 24}, {"heads", 2}, {"layers", 2}, {"patch", 16}, {"image", 32}}},
                         {"cond_image_size", 64},
                         {"tokenizer", {{"num_channels", 32}, {"plane_size", 8}}},
                         {"backbone",
                          {{"norm_num_groups", 8},
                           {"num_attention_heads", 2},
                           {"attention_head_dim", 16},
                           {"num_layers", 2},
                           {"cross_attention_dim", 24}}},
                         {"post_processor", {{"out_channels", 8}}},
                         {"decoder", {{"n_neurons", 16}, {"n_hidden_layers", 2}}}};
    return written(config, [&](const fs::path& path) {
      TripoSr network(triposr_config(config));
      write_weights(path, network, "");
    });
  }
  fs::path lrm_weights() const {
    const json config = {
        {"dino", {{"hidden", 24}, {"heads", 2}, {"layers", 2}, {"patch", 16}, {"image", 32}}},
        {"params",
         {{"transformer_dim", 32},
          {"transformer_heads", 2},
          {"transformer_layers", 2},
          {"encoder_feat_dim", 24},
          {"triplane_low_res", 8},
          {"triplane_high_res", 16},
          {"triplane_dim", 8}}}};
    return written(config, [&](const fs::path& path) {
      Lrm network(lrm_config(config, LrmKind::kMesh));
      write_weights(path, network, "lrm_generator.");
    });
  }

  TrainConfig finetuning(const std::string& model, const fs::path& weights) const {
    TrainConfig config = small_config(folder_, "run");
    config.finetune = model;
    config.weights = weights;
    config.steps = 30;
    config.batch = 2;
    config.learning_rate = 3e-3;
    config.log_every = 10;
    config.save_every = 30;
    config.varied = false;
    return config;
  }
  double loss_at(size_t line) const {
    std::ifstream file(folder_ / "run" / "metrics.jsonl");
    std::string text;
    for (size_t i = 0; i <= line; ++i) std::getline(file, text);
    return parse_json(text).at("loss").get<double>();
  }
  /// Whether an exported file has what the published one has, and these names are as published or not.
  void expect_exported(const fs::path& published, const std::string& learnt, const std::string& kept) const {
    export_model(folder_ / "run", folder_ / "model.safetensors");
    const TensorFile before = read_weights(published), after = read_weights(folder_ / "model.safetensors");
    ASSERT_EQ(before.tensors.size(), after.tensors.size());
    const auto same = [&](const std::string& name) {
      return at::equal(tensor_view(before, name), tensor_view(after, name));
    };
    EXPECT_FALSE(same(learnt));
    if (!kept.empty()) {
      EXPECT_TRUE(same(kept));
    }
  }

 private:
  template <typename Write>
  fs::path written(const json& config, const Write& write) const {
    std::ofstream(folder_ / "published" / "config.json") << config;
    const fs::path path = folder_ / "published" / "weights.safetensors";
    write(path);
    return path;
  }
};

TEST_F(Finetune, TripoSrLearnsItsObjectsAndIsExportedAsPublished) {
  const fs::path weights = triposr_weights();
  train(finetuning("triposr", weights), {});
  EXPECT_LT(loss_at(2), 0.97 * loss_at(0));
  expect_exported(weights, "backbone.proj_in.weight", "");
  EXPECT_NO_THROW(TripoSrFile(weights).whole({}));
}

TEST_F(Finetune, InstantMeshLearnsOfSixViewsAndKeepsItsCubeWeights) {
  make_data(list_objects({.generated = 2}), folder_ / "six",
            {.samples = {.views = 1, .picture_side = 32, .six_views = true}});
  const fs::path weights = lrm_weights();
  TrainConfig config = finetuning("instant-mesh-base", weights);
  config.data = {folder_ / "six"};
  train(config, {});
  EXPECT_LT(loss_at(2), 0.9 * loss_at(0));
  expect_exported(weights, "lrm_generator.transformer.pos_embed",
                  "lrm_generator.synthesizer.decoder.net_weight.0.weight");
}

/// Every parameter that is to learn has a gradient, in whatever way the blocks are run.
TEST_F(Finetune, CheckpointedBlocksHaveTheSameGradients) {
  const fs::path weights = triposr_weights();
  const auto gradients = [&](bool is_checkpointed) {
    TrainConfig config = finetuning("triposr", weights);
    config.checkpointed = is_checkpointed;
    const auto learner = make_learner(config);
    for (auto& [name, parameter] : learner->parameters()) parameter.set_requires_grad(true);
    const SampleSet samples(config.data, learner->sees(), true, 0.5, 0);
    learner->losses(samples.batch({0, 1}, Varied::kNo)).total.backward();
    std::vector<std::pair<std::string, at::Tensor>> all;
    for (auto& [name, parameter] : learner->parameters()) all.emplace_back(name, parameter.grad());
    return all;
  };
  const auto plain = gradients(false), checkpointed = gradients(true);
  for (size_t i = 0; i < plain.size(); ++i) {
    ASSERT_TRUE(plain[i].second.defined()) << plain[i].first;
    ASSERT_TRUE(checkpointed[i].second.defined()) << plain[i].first;
    EXPECT_TRUE(at::allclose(plain[i].second, checkpointed[i].second, 1e-4, 1e-7)) << plain[i].first;
  }
}

}  // namespace
}  // namespace relievo

// The published sizes, and what may not change a network's result.
#include <cstdlib>
#include <filesystem>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "base/error.h"
#include "multiview/multiview.h"
#include "multiview/older_names.h"

namespace relievo {
namespace {

using nlohmann::json;

json published_counts() {
  const char* golden = std::getenv("RELIEVO_GOLDEN");
  const std::filesystem::path folder = golden ? golden : RELIEVO_TEST_DATA "/golden";
  const gzFile file = gzopen((folder / "counts.json.gz").c_str(), "rb");
  EXPECT_NE(file, nullptr) << folder;
  std::string text;
  char chunk[65536];
  for (int n = 0; file && (n = gzread(file, chunk, sizeof chunk)) > 0;)
    text.append(chunk, static_cast<size_t>(n));
  gzclose(file);
  return json::parse(text);
}

void expect_published(const torch::nn::Module& network, const json& published) {
  json ours, theirs;
  int64_t parameters = 0;
  for (const auto& item : network.named_parameters()) {
    ours[item.key()] = item.value().sizes().vec();
    parameters += item.value().numel();
  }
  for (const auto& [tensor, facts] : published.at("tensors").items()) theirs[tensor] = facts.at(0);
  EXPECT_EQ(json::diff(theirs, ours), json::array());
  EXPECT_EQ(parameters, published.at("n_parameters").get<int64_t>());
  EXPECT_TRUE(network.named_buffers().is_empty());
}

TEST(Multiview, ParameterListsOfTheFullSizesAreThePublishedOnes) {
  const json counts = published_counts();
  expect_published(Unet(UnetConfig{}), counts.at("zero123plus-unet"));
  expect_published(Vae(VaeConfig{}), counts.at("zero123plus-vae"));
  expect_published(ClipVision(ClipVisionConfig{}), counts.at("zero123plus-vision-encoder"));
  expect_published(ClipText(ClipTextConfig{}), counts.at("zero123plus-text-encoder"));
}

TEST(OlderNames, AreRenamedAndPositionIdsDropped) {
  TensorFile file;
  const std::byte bytes[16] = {};
  const std::string middle = "decoder.mid_block.attentions.0.";
  file.tensors[middle + "query.weight"] = {DType::kFloat32, {2, 2, 1, 1}, bytes};
  file.tensors[middle + "proj_attn.bias"] = {DType::kFloat32, {4}, bytes};
  file.tensors["text_model.embeddings.position_ids"] = {DType::kInt64, {1, 2}, bytes};
  file.tensors["encoder.query.weight"] = {DType::kFloat32, {4}, bytes};
  const TensorFile present = with_present_names(file);
  EXPECT_EQ(present.tensors.size(), 3u);
  EXPECT_EQ(present.at(middle + "to_q.weight").shape, (std::vector<int64_t>{2, 2}));
  EXPECT_TRUE(present.contains(middle + "to_out.0.bias"));
  EXPECT_TRUE(present.contains("encoder.query.weight"));
}

}  // namespace
}  // namespace relievo

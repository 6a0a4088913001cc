// The published sizes, and what may not change a network's result.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../published_parameters.h"
#include "base/error.h"
#include "multiview/multiview.h"
#include "multiview/older_names.h"

namespace relievo {
namespace {

using nlohmann::json;

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

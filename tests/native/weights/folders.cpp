#include <gmock/gmock.h>

#include "samples.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

using testing::HasSubstr;

class WeightFolder : public testing::Test {
 protected:
  void write_tensors(const std::string& name, const std::vector<std::string>& tensors) {
    std::map<std::string, TensorView, std::less<>> views;
    for (const std::string& tensor : tensors)
      views[tensor] = {DType::kFloat32, {2}, std::as_bytes(std::span(values_))};
    std::filesystem::create_directories((scratch_.folder() / name).parent_path());
    write_safetensors(scratch_.folder() / name, views);
  }
  std::pair<ErrorCode, std::string> refused(const std::string& name = "") {
    return refusal([&] { read_weights(scratch_.folder() / name); });
  }

  const std::array<float, 2> values_{1, 2};
  Scratch scratch_;
};

TEST_F(WeightFolder, ReadsAWholeDiffusersModel) {
  scratch_.write("model_index.json", R"({"_class_name":"Zero123PlusPipeline","ramping_coefficients":[0.0,1.0],
    "unet":["diffusers","UNet2DConditionModel"],"vae":["diffusers","AutoencoderKL"],"scheduler":["diffusers","X"]})");
  scratch_.write("unet/diffusion_pytorch_model.bin", checkpoint(dictionary(tensor("0", 6, 0, {6}, {1}))));
  write_tensors("vae/diffusion_pytorch_model.safetensors", {"encoder.w"});
  scratch_.write("scheduler/scheduler_config.json", "{}");
  const TensorFile file = read_weights(scratch_.folder());
  EXPECT_EQ(file.tensors.size(), 2u);
  EXPECT_TRUE(file.contains("unet.a"));
  EXPECT_EQ(file.at("vae.encoder.w").bytes.size(), 8u);
}

TEST_F(WeightFolder, ReadsParts) {
  write_tensors("part1.safetensors", {"a", "b"});
  scratch_.write("part2.bin", checkpoint("}(" + text("c") + tensor("0", 6, 0, {6}, {1}) + "u"));
  scratch_.write(
      "model.safetensors.index.json",
      R"({"metadata":{},"weight_map":{"a":"part1.safetensors","b":"part1.safetensors","c":"part2.bin"}})");
  const TensorFile file = read_weights(scratch_.folder());
  EXPECT_EQ(file.tensors.size(), 3u);
  EXPECT_EQ(file.at("c").elements(), 6);
}

TEST_F(WeightFolder, AnIndexMustAgreeWithItsPartsAndStayInItsFolder) {
  write_tensors("part1.safetensors", {"a", "b"});
  const auto index = [&](const std::string& map) {
    scratch_.write("model.safetensors.index.json", R"({"weight_map":)" + map + "}");
  };
  index(R"({"a":"part1.safetensors"})");
  EXPECT_THAT(refused().second, HasSubstr("'b'"));
  index(R"({"a":"part1.safetensors","b":"part1.safetensors","c":"part1.safetensors"})");
  EXPECT_THAT(refused().second, HasSubstr("'c'"));
  for (const char* path : {"../part1.safetensors", "/etc/passwd", ".."}) {
    index(std::string(R"({"a":")") + path + "\"}");
    EXPECT_THAT(refused().second, HasSubstr("outside"));
  }
  index("[]");
  EXPECT_EQ(refused().first, ErrorCode::kModelCorrupt);
  index(R"({"a":"part9.safetensors"})");
  EXPECT_EQ(refused().first, ErrorCode::kIo);
}

TEST_F(WeightFolder, SaysWhatAFileIsThatHasNoWeights) {
  EXPECT_EQ(refused().first, ErrorCode::kIo);
  scratch_.write("page.ckpt", "<!doctype html>");
  EXPECT_THAT(refused("page.ckpt").second, HasSubstr("web page"));
  scratch_.write("pointer.ckpt", "version https://git-lfs.github.com/spec/v1\noid sha256:00\n");
  EXPECT_THAT(refused("pointer.ckpt").second, HasSubstr("Git LFS"));
  scratch_.write("empty.ckpt", "");
  EXPECT_THAT(refused("empty.ckpt").second, HasSubstr("empty"));
  scratch_.write("noise.ckpt", "nothing of the kind");
  EXPECT_EQ(refused("noise.ckpt").first, ErrorCode::kModelCorrupt);
}

}  // namespace
}  // namespace relievo

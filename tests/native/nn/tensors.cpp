#include "nn/tensors.h"

#include <cstring>
#include <list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"
#include "base/error.h"
#include "nn/errors.h"
#include "nn/layers.h"

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

struct Net : Group {
  Net() {
    first = add("block.first", std::make_shared<Linear>(2, 3));
    second = add("block.second", std::make_shared<Linear>(3, 1, Bias::kNo));
  }
  std::shared_ptr<Linear> first, second;
};

class LoadStrict : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }

  void add(const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
    values_.push_back(std::move(values));
    tensors_[name] = {DType::kFloat32, std::move(shape), std::as_bytes(std::span(values_.back()))};
  }

  void add_all() {
    add("net.block.first.weight", {3, 2}, {1, 2, 3, 4, 5, 6});
    add("net.block.first.bias", {3}, {0.5, 0, 0});
    add("net.block.second.weight", {1, 3}, {1, 1, 1});
  }

  std::vector<std::string> load(Net& net, const Execution& execution = {}) {
    write_safetensors(path_, tensors_);
    return load_strict(net, read_safetensors(path_), "net.", execution);
  }

  std::string refusal() {
    Net net;
    try {
      load(net);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModelMismatch);
      return error.message();
    }
    return "was loaded";
  }

  fs::path path_ = fs::temp_directory_path() / ("relievo-nn-" + std::to_string(::getpid()) + ".safetensors");
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::list<std::vector<float>> values_;
};

TEST_F(LoadStrict, FillsEveryParameter) {
  add_all();
  Net net;
  load(net);
  const at::Tensor out = net.second->forward(net.first->forward(at::ones({1, 2})));
  EXPECT_FLOAT_EQ(out.item<float>(), 3.5f + 7 + 11);
}

TEST_F(LoadStrict, ListsWhatLiesOutsideThePrefix) {
  add_all();
  add("lpips.weight", {1}, {0});
  Net net;
  EXPECT_THAT(load(net), ElementsAre("lpips.weight"));
}

TEST_F(LoadStrict, NamesAMissingTensor) {
  add_all();
  tensors_.erase("net.block.first.bias");
  EXPECT_THAT(refusal(), HasSubstr("net.block.first.bias"));
}

TEST_F(LoadStrict, NamesAnUnexpectedTensor) {
  add_all();
  add("net.block.third.weight", {1}, {0});
  EXPECT_THAT(refusal(), HasSubstr("net.block.third.weight"));
}

TEST_F(LoadStrict, NamesATensorOfAnotherShape) {
  add_all();
  add("net.block.second.weight", {3, 1}, {1, 1, 1});
  EXPECT_THAT(refusal(), HasSubstr("net.block.second.weight ([3, 1] instead of [1, 3])"));
}

TEST_F(LoadStrict, CastsToTheExecutionsType) {
  add_all();
  Net net;
  Execution execution;
  execution.dtype = at::kBFloat16;
  load(net, execution);
  EXPECT_EQ(net.first->weight.scalar_type(), at::kBFloat16);
}

TEST_F(LoadStrict, Float32OnTheCpuIsNotCopied) {
  add_all();
  write_safetensors(path_, tensors_);
  const TensorFile file = read_safetensors(path_);
  Net net;
  load_strict(net, file, "net.", {});
  EXPECT_EQ(net.first->weight.data_ptr(),
            static_cast<const void*>(file.at("net.block.first.weight").bytes.data()));
}

TEST_F(LoadStrict, AcceptsOlderNames) {
  add_all();
  tensors_["net.old.first.weight"] = tensors_.at("net.block.first.weight");
  tensors_["net.old.proj_attn.weight"] = tensors_.at("net.block.second.weight");
  tensors_["net.old.first.bias"] = tensors_.at("net.block.first.bias");
  for (const char* name : {"net.block.first.weight", "net.block.second.weight", "net.block.first.bias"})
    tensors_.erase(name);
  add("net.position_ids", {1}, {0});
  write_safetensors(path_, tensors_);
  const PublishedNames published{.renamed = {{"old", "block"}, {"block.proj_attn", "block.second"}},
                                 .ignored = {"position_ids"}};
  Net net;
  EXPECT_THAT(load_strict(net, read_safetensors(path_), "net.", {}, published),
              ElementsAre("net.position_ids"));
  EXPECT_FLOAT_EQ(net.second->forward(net.first->forward(at::ones({1, 2}))).item<float>(), 3.5f + 7 + 11);
}

TEST(PublishedNames, ReplacesWholePartsOnly) {
  const PublishedNames published{.renamed = {{"query", "to_q"}, {"proj_attn", "to_out.0"}}};
  EXPECT_EQ(published.present_name("mid.query.weight"), "mid.to_q.weight");
  EXPECT_EQ(published.present_name("query.query.proj_attn"), "to_q.to_q.to_out.0");
  EXPECT_EQ(published.present_name("mid.query_norm.weight"), "mid.query_norm.weight");
}

TEST_F(LoadStrict, RefusesATensorUnderBothItsNames) {
  add_all();
  add("net.old.first.bias", {3}, {0, 0, 0});
  write_safetensors(path_, tensors_);
  Net net;
  expect_error(ErrorCode::kModelMismatch, "Unexpected: net.old.first.bias", [&] {
    load_strict(net, read_safetensors(path_), "net.", {}, {.renamed = {{"old", "block"}}});
  });
}

/// A file whose first weight is stored transposed and at an odd address.
TensorFile strided_file(const std::shared_ptr<std::vector<std::byte>>& bytes, const TensorFile& plain) {
  const std::array<float, 6> transposed{1, 3, 5, 2, 4, 6};
  bytes->resize(1 + sizeof transposed);
  std::memcpy(bytes->data() + 1, transposed.data(), sizeof transposed);
  TensorFile file{plain.path, plain.tensors, plain.storage};
  file.tensors["net.block.first.weight"] = {DType::kFloat32, {3, 2}, std::span(*bytes).subspan(1), {1, 3}};
  return file;
}

TEST_F(LoadStrict, StridedWeightsBecomeContiguous) {
  add_all();
  write_safetensors(path_, tensors_);
  const auto bytes = std::make_shared<std::vector<std::byte>>();
  const TensorFile file = strided_file(bytes, read_safetensors(path_));
  Net net;
  load_strict(net, file, "net.", {});
  EXPECT_TRUE(net.first->weight.is_contiguous());
  EXPECT_TRUE(net.first->weight.equal(at::tensor({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}).view({3, 2})));
}

TEST(TensorView, OutlivesTheFileObject) {
  const fs::path path =
      fs::temp_directory_path() / ("relievo-view-" + std::to_string(::getpid()) + ".safetensors");
  const float values[] = {1, 2, 3};
  write_safetensors(path, {{"a", {DType::kFloat32, {3}, std::as_bytes(std::span(values))}}});
  at::Tensor view;
  {
    const TensorFile file = read_safetensors(path);
    view = tensor_view(file, "a");
  }
  EXPECT_EQ(view.sum().item<float>(), 6);
  fs::remove(path);
}

TEST(Placeholder, HasTheShapeButNotTheMemory) {
  const at::Tensor huge = placeholder({1 << 20, 1 << 20});
  EXPECT_EQ(huge.sizes(), (at::IntArrayRef{1 << 20, 1 << 20}));
  EXPECT_EQ(huge.storage().nbytes(), sizeof(float));
}

TEST(TorchErrors, AFailedAllocationIsOutOfMemory) {
  try {
    at::empty({int64_t{1} << 55});
    FAIL() << "was allocated";
  } catch (...) {
    EXPECT_EQ(current_torch_error().code(), ErrorCode::kOutOfMemory);
  }
}

TEST(TorchErrors, AnythingElseIsInternal) {
  try {
    at::ones({2}).matmul(at::ones({3}));
    FAIL() << "was computed";
  } catch (...) {
    EXPECT_EQ(current_torch_error().code(), ErrorCode::kInternal);
  }
}

}  // namespace
}  // namespace relievo

#include "nn/tensors.h"

#include <cstring>
#include <list>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

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

// Operators on the stand-in's devices give what they give on the CPU, and refuse what a GPU refuses.
#include <functional>

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gtest/gtest.h>

#include "fake_cuda.h"

namespace {

const at::Device kFirst(at::kCUDA, 0), kSecond(at::kCUDA, 1);

class FakeCuda : public testing::Test {
 protected:
  FakeCuda() {
    at::manual_seed(1);
    fake_cuda::set_devices({{}, {}});
  }
};

TEST_F(FakeCuda, OperatorsGiveWhatTheyGiveOnTheCpu) {
  const at::Tensor picture = at::randn({2, 8, 12, 10}), kernel = at::randn({4, 8, 3, 3}),
                   bias = at::randn({4});
  const at::Tensor query = at::randn({2, 4, 17, 8}), matrix = at::randn({5, 7});
  const at::Tensor numbers = at::tensor({3, 0, 4}, at::kLong);
  using Function = std::function<at::Tensor(const std::function<at::Tensor(const at::Tensor&)>&)>;
  const std::pair<const char*, Function> all[] = {
      {"copy", [&](const auto& on) { return on(matrix).clone(); }},
      {"add", [&](const auto& on) { return on(matrix) + 2 * on(matrix); }},
      {"in place", [&](const auto& on) { return on(matrix).clone().mul_(3).add_(on(matrix)); }},
      {"mixed types", [&](const auto& on) { return on(matrix).to(at::kHalf) + 1.5; }},
      {"a scalar of the CPU", [&](const auto& on) { return on(matrix) * at::scalar_tensor(2.0); }},
      {"view", [&](const auto& on) { return on(matrix).t().slice(0, 1, 6, 2).contiguous().view({-1}); }},
      {"a view is written",
       [&](const auto& on) {
         at::Tensor t = on(matrix).clone();
         t.select(1, 2).fill_(9);
         return t;
       }},
      {"mm", [&](const auto& on) { return at::mm(on(matrix), on(matrix).t()); }},
      {"linear", [&](const auto& on) { return at::linear(on(matrix), on(matrix)); }},
      {"conv2d", [&](const auto& on) { return at::conv2d(on(picture), on(kernel), on(bias), 1, 1); }},
      {"conv_transpose2d",
       [&](const auto& on) {
         return at::conv_transpose2d(on(picture), on(kernel.transpose(0, 1).contiguous()));
       }},
      {"softmax", [&](const auto& on) { return at::softmax(on(matrix), 1); }},
      {"attention",
       [&](const auto& on) { return at::scaled_dot_product_attention(on(query), on(query), on(query)); }},
      {"group_norm", [&](const auto& on) { return at::group_norm(on(picture), 4); }},
      {"layer_norm", [&](const auto& on) { return at::layer_norm(on(matrix), {7}); }},
      {"silu_",
       [&](const auto& on) {
         at::Tensor t = on(matrix).clone();
         return at::silu_(t);
       }},
      {"index", [&](const auto& on) { return on(matrix).index({on(numbers)}); }},
      {"an index of the CPU", [&](const auto& on) { return on(matrix).index({numbers}); }},
      {"index_select", [&](const auto& on) { return on(matrix).index_select(0, on(numbers)); }},
      {"index_put_",
       [&](const auto& on) {
         return on(matrix).clone().index_put_({on(numbers)}, on(matrix.slice(0, 0, 3)));
       }},
      {"nonzero", [&](const auto& on) { return (on(matrix) > 0).nonzero(); }},
      {"sum", [&](const auto& on) { return on(matrix).sum(0); }},
      {"var_mean",
       [&](const auto& on) { return std::get<0>(at::var_mean(on(matrix), at::IntArrayRef{1}, 0)); }},
      {"max", [&](const auto& on) { return std::get<1>(on(matrix).max(1)); }},
      {"sort", [&](const auto& on) { return std::get<0>(on(matrix).sort(1)); }},
      {"cumsum", [&](const auto& on) { return on(matrix).cumsum(1); }},
      {"cat",
       [&](const auto& on) {
         return at::cat({on(matrix), on(matrix)}, 1);
       }},
      {"arange", [&](const auto& on) { return at::arange(10, on(matrix).options()); }},
      {"full",
       [&](const auto& on) {
         return at::full({3, 4}, 2.5, on(matrix).options());
       }},
      {"upsample",
       [&](const auto& on) {
         return at::upsample_nearest2d(on(picture), {24, 20});
       }},
      {"grid_sampler",
       [&](const auto& on) {
         return at::grid_sampler(on(picture), on(at::rand({2, 3, 3, 2}) * 2 - 1 + on(matrix).cpu().sum() * 0),
                                 0, 0, false);
       }},
      {"out",
       [&](const auto& on) {
         at::Tensor t = at::empty({0}, on(matrix).options());
         at::add_out(t, on(matrix), on(matrix));
         return t;
       }},
      {"where",
       [&](const auto& on) {
         return at::where(on(matrix) > 0, on(matrix), at::zeros({}, on(matrix).options()));
       }},
      {"embedding", [&](const auto& on) { return at::embedding(on(matrix), on(numbers)); }},
      {"channels last",
       [&](const auto& on) { return on(picture).contiguous(at::MemoryFormat::ChannelsLast) + 1; }},
  };
  for (const auto& [name, function] : all) {
    SCOPED_TRACE(name);
    at::manual_seed(2);
    const at::Tensor expected = function([](const at::Tensor& t) { return t; });
    at::manual_seed(2);
    const at::Tensor made = function([](const at::Tensor& t) { return t.to(kSecond); });
    ASSERT_EQ(made.device(), kSecond);
    EXPECT_EQ(made.strides(), expected.strides());
    // LibTorch has several ways to normalise on the CPU, which round differently.
    EXPECT_TRUE(at::allclose(made.cpu(), expected, 0, std::string(name).ends_with("_norm") ? 1e-6 : 0));
  }
  EXPECT_EQ(fake_cuda::take_findings(), std::vector<std::string>());
}

TEST_F(FakeCuda, HostCodeThatTouchesTheDevicesMemoryFaults) {
  const at::Tensor tensor = at::zeros({4}, kFirst);
  EXPECT_DEATH(static_cast<void>(*static_cast<volatile float*>(tensor.data_ptr())), "");
  EXPECT_EQ(tensor[2].item<float>(), 0);
}

TEST_F(FakeCuda, TensorsOfTwoDevicesDoNotMeet) {
  const at::Tensor here = at::ones({4}, kFirst), there = at::ones({4}, kSecond), host = at::ones({4});
  EXPECT_THROW(here + there, c10::Error);
  EXPECT_THROW(here + host, c10::Error);
  EXPECT_THROW(host.index({here.to(at::kLong)}), c10::Error);
  EXPECT_TRUE(at::equal((here + there.to(kFirst)).cpu(), host * 2));
}

TEST_F(FakeCuda, MemoryIsCountedAndItsWantThrown) {
  constexpr int64_t kMiB = 1 << 20;
  fake_cuda::set_devices({{.bytes = 10 * kMiB}});
  {
    const at::Tensor a = at::empty({4 * kMiB}, at::TensorOptions(kFirst).dtype(at::kByte));
    EXPECT_EQ(fake_cuda::allocated_bytes(0), 4 * kMiB);
    const at::Tensor b = a + a;
    EXPECT_EQ(fake_cuda::allocated_bytes(0), 8 * kMiB);
    EXPECT_THROW(a + b, c10::OutOfMemoryError);
    EXPECT_EQ(fake_cuda::allocated_bytes(0), 8 * kMiB);
  }
  EXPECT_EQ(fake_cuda::allocated_bytes(0), 0);
  // What is kept of freed blocks is given back before anything is refused.
  EXPECT_NO_THROW(at::empty({9 * kMiB}, at::TensorOptions(kFirst).dtype(at::kByte)));
  fake_cuda::fail_allocation(0, 2);
  EXPECT_NO_THROW(at::empty({4}, kFirst));
  EXPECT_THROW(at::empty({4}, kFirst), c10::OutOfMemoryError);
  EXPECT_NO_THROW(at::empty({4}, kFirst));
}

TEST_F(FakeCuda, ALostDeviceStaysLostAndTheOtherGoesOn) {
  const at::Tensor here = at::ones({4}, kFirst), there = at::ones({4}, kSecond);
  fake_cuda::fail_operation(0, 2);
  EXPECT_NO_THROW(here + 1);
  EXPECT_THROW(here + 1, c10::AcceleratorError);
  EXPECT_THROW(here.cpu(), c10::AcceleratorError);
  EXPECT_NO_THROW(there + 1);
  fake_cuda::fail_operation(1, 1, fake_cuda::Fault::kCublas);
  try {
    static_cast<void>(there + 1);
    FAIL();
  } catch (const c10::AcceleratorError&) {
    FAIL() << "a library's words come in a plain error";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("CUBLAS_STATUS_EXECUTION_FAILED"), std::string::npos);
  }
  EXPECT_THROW(there + 1, c10::AcceleratorError);
}

TEST_F(FakeCuda, AnErrorMayComeLater) {
  const at::Tensor tensor = at::ones({4}, kFirst);
  fake_cuda::fail_operation(0, 1, fake_cuda::Fault::kLater);
  EXPECT_NO_THROW(tensor + 1);
  const c10::impl::VirtualGuardImpl cuda(at::kCUDA);
  EXPECT_THROW(cuda.synchronizeStream(cuda.getStream(kFirst)), c10::AcceleratorError);
  EXPECT_THROW(tensor + 1, c10::AcceleratorError);
}

}  // namespace

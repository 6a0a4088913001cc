// Weights that wait in host memory while their network is not on the device.
#include <atomic>
#include <string_view>

#include <ATen/record_function.h>
#include <gmock/gmock.h>

#include "../../multiview/tiny_model.h"
#include "../fake_cuda.h"
#include "nn/device_weights.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

/// The copies of all threads that change the type of numbers, while it lives.
class Casts {
 public:
  Casts()
      : handle_(at::addGlobalCallback(
            at::RecordFunctionCallback(
                [](const at::RecordFunction& call) -> std::unique_ptr<at::ObserverContext> {
                  if (std::string_view(call.name()) != "aten::copy_") return nullptr;
                  count +=
                      call.inputs()[0].toTensor().scalar_type() != call.inputs()[1].toTensor().scalar_type();
                  return nullptr;
                })
                .needsInputs(true)
                .scopes({at::RecordScope::FUNCTION}))) {
    count = 0;
  }
  ~Casts() { at::removeCallback(handle_); }
  Casts(const Casts&) = delete;
  Casts& operator=(const Casts&) = delete;

  static inline std::atomic<int> count = 0;

 private:
  at::CallbackHandle handle_;
};

class WeightsOnFakeGpu : public testing::Test {
 protected:
  WeightsOnFakeGpu() {
    fake_cuda::set_devices({{}});
    at::manual_seed(5);
    fill_randomly(source_);
    for (const auto& item : source_.named_parameters()) {
      const at::Tensor& values = item.value();
      file_.tensors[item.key()] = {
          DType::kFloat32,
          values.sizes().vec(),
          {static_cast<const std::byte*>(values.const_data_ptr()), static_cast<size_t>(values.nbytes())}};
    }
    execution_.device = at::Device(at::kCUDA, 0);
    execution_.dtype = at::kBFloat16;
  }
  ~WeightsOnFakeGpu() override { EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty()); }

  std::shared_ptr<Unet> loaded() const {
    auto unet = std::make_shared<Unet>(tiny_unet());
    load_strict(*unet, file_, "", execution_);
    return unet;
  }
  void expect_right(const Unet& unet) const {
    const auto expected = source_.named_parameters();
    for (const auto& item : unet.named_parameters()) {
      ASSERT_EQ(item.value().device(), execution_.device) << item.key();
      EXPECT_TRUE(item.value().cpu().equal(expected[item.key()].to(at::kBFloat16))) << item.key();
      EXPECT_TRUE(item.value().dim() != 4 || item.value().is_contiguous(at::MemoryFormat::ChannelsLast))
          << item.key();
    }
  }

  Unet source_ = Unet(tiny_unet());
  TensorFile file_;
  Execution execution_;
};

TEST_F(WeightsOnFakeGpu, TheyAreCastOnceAndComeBackByOneCopyFromPinnedMemory) {
  execution_.waiting = std::make_shared<WaitingWeights>();
  std::shared_ptr<Unet> first;
  {
    const Casts casts;
    first = loaded();
    EXPECT_EQ(casts.count, static_cast<int>(source_.parameters().size()));
  }
  expect_right(*first);
  const int64_t bytes = fake_cuda::pinned_bytes(0);
  int64_t numbers = 0;
  for (const at::Tensor& values : source_.parameters()) numbers += values.numel();
  EXPECT_GE(bytes, 2 * numbers) << "they wait in half precision";
  EXPECT_LT(bytes, 4 * numbers);

  const int64_t transfers = fake_cuda::transfers(0);
  std::shared_ptr<Unet> again;
  {
    const Casts casts;
    again = loaded();
    EXPECT_EQ(casts.count, 0);
  }
  EXPECT_EQ(fake_cuda::transfers(0), transfers + 1);
  EXPECT_EQ(fake_cuda::pinned_bytes(0), 2 * bytes);
  expect_right(*again);
}

TEST_F(WeightsOnFakeGpu, AnotherPrecisionOrPartDoesNotTakeWhatWaits) {
  execution_.waiting = std::make_shared<WaitingWeights>();
  expect_right(*loaded());
  execution_.dtype = at::kHalf;
  const auto half = loaded();
  const auto expected = source_.named_parameters();
  for (const auto& item : half->named_parameters()) {
    EXPECT_TRUE(item.value().cpu().equal(expected[item.key()].to(at::kHalf))) << item.key();
  }
}

TEST_F(WeightsOnFakeGpu, WithoutOffloadNothingWaits) {
  expect_right(*loaded());
  EXPECT_EQ(fake_cuda::pinned_bytes(0), 0);
}

}  // namespace
}  // namespace relievo

// Workers that share rows compute what one computes alone, to the bit.
#include "nn/shared_rows.h"

#include <atomic>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "nn/layers.h"
#include "together.h"

namespace relievo {
namespace {

std::vector<std::pair<int64_t, int64_t>> pairs(const std::vector<RowRange>& ranges) {
  std::vector<std::pair<int64_t, int64_t>> all;
  for (const RowRange& range : ranges) all.emplace_back(range.first, range.last);
  return all;
}

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

TEST(DivideRows, GoesByPartsAndBeginsAtMultiples) {
  EXPECT_EQ(pairs(divide_rows(120, {15, 15}, 4)), (Pairs{{0, 60}, {60, 120}}));
  EXPECT_EQ(pairs(divide_rows(120, {2, 2}, 32)), (Pairs{{0, 64}, {64, 120}}));
  EXPECT_EQ(pairs(divide_rows(100, {3, 1}, 4)), (Pairs{{0, 76}, {76, 100}}));
  EXPECT_EQ(pairs(divide_rows(5, {1, 1, 1}, 4)), (Pairs{{0, 0}, {0, 4}, {4, 5}})) << "one has none";
}

/// A picture's layers by workers that have the ranges, put together again.
at::Tensor by_workers(const at::Tensor& x, const std::vector<int>& parts,
                      const std::function<at::Tensor(const at::Tensor& own, const SharedRows&)>& layers) {
  const auto ranges = divide_rows(x.size(2), parts, kTileRows);
  std::vector<at::Tensor> rows(ranges.size());
  on_shared_rows(ranges, on_threads(ranges.size()), [&](size_t k, const SharedRows& shared) {
    const at::Tensor own = x.narrow(2, ranges[k].first, ranges[k].count());
    rows[k] = layers(own.contiguous(at::MemoryFormat::ChannelsLast), shared);
  });
  std::erase_if(rows, [](const at::Tensor& some) { return !some.defined(); });
  return at::cat(rows, 2);
}

class SharedLayers : public testing::TestWithParam<at::ScalarType> {
 protected:
  SharedLayers() {
    at::manual_seed(5);
    at::set_num_threads(1);
    set_parallel_threads(1);
    for (at::Tensor* values :
         {&norm.weight, &norm.bias, &conv.weight, &conv.bias, &halving.weight, &halving.bias}) {
      values->set_data((at::randn(values->sizes()) * 0.3).to(GetParam()));
    }
  }
  at::Tensor picture(int64_t height) const {
    return (at::randn({2, 32, height, 12}) * 2 + 1).to(GetParam()).contiguous(at::MemoryFormat::ChannelsLast);
  }

  GroupNorm norm{4, 32, 1e-6};
  Conv2d conv{32, 32, 3, {.padding = 1}}, halving{32, 16, 3, {.stride = 2, .padding = 1}};
};

TEST_P(SharedLayers, AreThoseOfOneWorkerToTheBit) {
  const at::NoGradGuard no_grad;
  for (const int64_t height : {24, 37}) {
    const at::Tensor x = picture(height);
    for (const std::vector<int>& parts :
         {std::vector<int>{1}, {1, 1}, {3, 1}, {1, 2, 3}, {1, 1, 1, 1}, {9, 1, 0, 1}}) {
      SCOPED_TRACE(testing::Message() << height << " rows, " << parts.size() << " workers");
      const auto blocks = [&](const at::Tensor& own, const SharedRows* shared) {
        const at::Tensor hidden = conv.on_rows(norm.silu(own, shared), shared);
        return conv.on_rows(norm.forward(hidden, shared), shared);
      };
      EXPECT_TRUE(by_workers(x, parts, [&](const at::Tensor& own, const SharedRows& shared) {
                    return blocks(own, &shared);
                  }).equal(blocks(x, nullptr)));
      EXPECT_TRUE(by_workers(x, parts, [&](const at::Tensor& own, const SharedRows& shared) {
                    return halving.on_rows(own, &shared);
                  }).equal(halving.forward(x)));
    }
  }
}

TEST_P(SharedLayers, OfPicturesWithoutAKernelHaveTheSameMoments) {
  const at::NoGradGuard no_grad;
  const at::Tensor x = picture(37).contiguous();  // channels first
  const auto ranges = divide_rows(37, {1, 1, 1}, kTileRows);
  const GroupNorm::Affine whole = norm.affine(x);
  std::atomic<int> equal = 0;
  on_shared_rows(ranges, on_threads(3), [&](size_t k, const SharedRows& shared) {
    const auto own = norm.affine(x.narrow(2, ranges[k].first, ranges[k].count()).contiguous(), &shared);
    equal += own.factor.equal(whole.factor) && own.shift.equal(whole.shift);
  });
  EXPECT_EQ(equal, 3);
}

INSTANTIATE_TEST_SUITE_P(Precisions, SharedLayers, testing::Values(at::kFloat, at::kBFloat16));

TEST(SharedRows, AFailureEndsTheWaitsOfTheOthersAndIsTheOneThatIsTold) {
  for (const size_t failing : {0, 1, 2}) {
    std::atomic<int> went_on = 0;
    const auto ranges = divide_rows(12, {1, 1, 1}, 4);
    try {
      on_shared_rows(ranges, on_threads(3), [&](size_t k, const SharedRows& shared) {
        static_cast<void>(shared.joined(at::ones({1, 1}), 0));
        if (k == failing) throw Error(ErrorCode::kOutOfMemory, "no room");
        static_cast<void>(shared.joined(at::ones({1, 1}), 0));
        ++went_on;
      });
      ADD_FAILURE() << "should throw";
    } catch (const Error& error) {
      EXPECT_EQ(error.message(), "no room");
    }
    EXPECT_EQ(went_on, 0);
  }
}

TEST(SharedRows, OneThatNeverComesDoesNotKeepTheOthersWaiting) {
  const auto ranges = divide_rows(8, {1, 1}, 4);
  const RunTogether broken = [](const std::function<void(size_t)>& body, const std::function<void()>& fail) {
    std::thread other([&] { body(1); });
    fail();  // worker 0 could not be started
    other.join();
    throw Error(ErrorCode::kDeviceLost, "gone");
  };
  EXPECT_THROW(on_shared_rows(ranges, broken,
                              [&](size_t, const SharedRows& shared) {
                                static_cast<void>(shared.joined(at::ones({1}), 0));
                              }),
               Error);
}

TEST(SharedRows, TheTimeOfWaitingIsKnown) {
  const auto ranges = divide_rows(8, {1, 1}, 4);
  std::atomic<double> waited = 0;
  std::atomic<bool> is_first_there = false;
  on_shared_rows(ranges, on_threads(2), [&](size_t k, const SharedRows& shared) {
    static_cast<void>(take_waited_seconds());
    if (k == 1) {
      is_first_there.wait(false);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    } else {
      is_first_there = true;
      is_first_there.notify_all();
    }
    static_cast<void>(shared.joined(at::ones({1}), 0));
    if (k == 0) waited = take_waited_seconds();
  });
  EXPECT_GT(waited, 0.01);
  EXPECT_EQ(take_waited_seconds(), 0) << "it is told once";
}

}  // namespace
}  // namespace relievo

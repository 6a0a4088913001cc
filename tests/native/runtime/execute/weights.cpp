// Which weights are in a worker, for all of its threads.
#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime/execute/weight_cache.h"

namespace relievo {
namespace {

class Loaded : public Stage {
 public:
  const StageProfile& profile() const override { return profile_; }
  void load(const StageLoad&) override { ++loads; }
  void unload(const Worker&) override { ++unloads; }
  std::vector<std::any> run(const StageCall&, std::span<const std::any>) override { return {}; }

  int loads = 0, unloads = 0;

 private:
  StageProfile profile_;
};

struct OneStage {
  explicit OneStage(std::function<void(const Worker&)> finish)
      : cache(stages, 1, hooks_of(std::move(finish))) {}
  static WorkerHooks hooks_of(std::function<void(const Worker&)> finish) {
    WorkerHooks hooks;
    hooks.finish = std::move(finish);
    return hooks;
  }

  std::shared_ptr<Loaded> stage = std::make_shared<Loaded>();
  std::vector<std::shared_ptr<Stage>> stages{stage};
  WeightCache cache;
};

/// Another thread of the worker, with a stream of its own, would not wait for the copies.
TEST(WeightCache, WeightsAreThereWhenTheDeviceHasThem) {
  int finished = 0;
  OneStage* made = nullptr;
  OneStage one([&](const Worker&) {
    ++finished;
    EXPECT_EQ(made->stage->loads, 1);
    EXPECT_FALSE(made->cache.holds(0, 0)) << "nobody may use them yet";
  });
  made = &one;
  one.cache.ensure(0, 0, {});
  EXPECT_EQ(finished, 1);
  EXPECT_TRUE(one.cache.holds(0, 0));
  one.cache.ensure(0, 0, {});
  EXPECT_EQ(finished, 1) << "they are there";
}

TEST(WeightCache, OfADeviceThatIsLostMeanwhileNothingIsLeft) {
  OneStage one([](const Worker&) { throw Error(ErrorCode::kDeviceLost, "gone"); });
  EXPECT_THROW(one.cache.ensure(0, 0, {}), Error);
  EXPECT_FALSE(one.cache.holds(0, 0));
  EXPECT_EQ(one.stage->unloads, 1);
}

}  // namespace
}  // namespace relievo

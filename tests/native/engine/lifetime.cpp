// Tests an engine that is closed while it is used, forked, or asked for impossible things.
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "../base/child.h"
#include "../expect_error.h"
#include "engine/engine.h"

namespace relievo {
namespace {

GenerateRequest quick_request() {
  GenerateRequest request;
  request.image = Image(64, 64, 4, 1.0f);
  for (int i = 0; i < 64; ++i) request.image.pixel(i, 0)[3] = request.image.pixel(0, i)[3] = 0;
  request.settings.mask = MaskKind::kAlpha;
  request.settings.grid = 16;
  request.settings.texture_size = 64;
  return request;
}

GenerateRequest slow_request() {
  GenerateRequest request = quick_request();
  request.settings.grid = 512;
  return request;
}

EngineOptions one_thread(double idle_seconds = 0) {
  EngineOptions options;
  options.threads = 1;
  options.idle_seconds = idle_seconds;
  return options;
}

TEST(EngineLifetime, CloseWaitsForWhatRunsAndTakesNothingMore) {
  Engine engine(one_thread());
  const Job running = engine.submit(slow_request()), waiting = engine.submit(quick_request());
  while (running.status().state == JobState::kWaiting) std::this_thread::yield();
  engine.close();
  EXPECT_EQ(running.status().state, JobState::kCancelled);
  EXPECT_EQ(waiting.status().state, JobState::kCancelled);
  engine.close();
  GenerateRequest mask = quick_request();
  mask.only_foreground = true;
  for (const GenerateRequest& late : {quick_request(), mask}) {
    expect_error(ErrorCode::kInvalidSettings, "closed", [&] { engine.submit(late); });
  }
  EXPECT_TRUE(engine.queue().empty());
  EXPECT_FALSE(engine.loaded());
  EXPECT_FALSE(engine.explain_plan({}, 1).empty());
}

TEST(EngineLifetime, EveryCallIsSafeWhileOthersClose) {
  for (int turn = 0; turn < 3; ++turn) {
    Engine engine(one_thread());
    const Job running = engine.submit(slow_request());
    std::atomic<int> at_work = 0;
    std::atomic<bool> is_over = false;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        ++at_work;
        while (!is_over) {
          engine.explain_plan({}, 2);
          engine.workers();
          for (const Job& job : engine.queue()) engine.move(job, 0);
          engine.unload();
          engine.set_idle_seconds(0.001);
          try {
            engine.submit(quick_request()).cancel();
          } catch (const Error& error) {
            EXPECT_EQ(error.message(), "The engine is closed.");
          }
        }
      });
    }
    while (at_work < 4) std::this_thread::yield();
    std::thread closer([&] { engine.close(); });
    engine.close();
    EXPECT_EQ(running.status().state, JobState::kCancelled);
    closer.join();
    is_over = true;
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(EngineLifetime, OptionsOutOfRangeAreRefused) {
  for (const int threads : {-1, 1025, 10'000, 2'000'000'000, std::numeric_limits<int>::min()}) {
    EngineOptions options;
    options.threads = threads;
    try {
      const Engine engine(options);
      ADD_FAILURE() << threads;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
      EXPECT_NE(error.hint().find("0 to 1024"), std::string::npos) << error.message() << " " << error.hint();
    }
  }
  Engine engine(one_thread());
  for (const double seconds : {-1.0, std::nan(""), -std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(engine.set_idle_seconds(seconds), Error) << seconds;
    EXPECT_THROW(Engine(one_thread(seconds)), Error) << seconds;
  }
  for (const int pictures : {0, -5, 10'000'001})
    EXPECT_THROW(engine.explain_plan({}, pictures), Error) << pictures;
}

TEST(EngineLifetime, TimesBeyondTheClockAreNever) {
  for (const double seconds : {1e10, 1e300, std::numeric_limits<double>::infinity()}) {
    Engine engine(one_thread(seconds));
    const Job job = engine.submit(quick_request());
    ASSERT_TRUE(job.wait(seconds));
    for (int i = 0; i < 2; ++i) {
      engine.set_idle_seconds(seconds);  // the scheduler looks at the time anew
      ASSERT_TRUE(engine.submit(quick_request()).wait(60));
      EXPECT_TRUE(engine.loaded()) << seconds;
    }
  }
}

/// 0 where every call throws the Error that names spawn; nothing may wait or crash.
int use_in_child(Engine& engine, const Job& job) {
  int failures = 0;
  const auto refuses = [&](const auto& call) {
    try {
      call();
      ++failures;
    } catch (const Error& error) {
      if (error.hint().find("spawn") == std::string::npos) ++failures;
    }
  };
  refuses([] { const Engine other; });
  refuses([&] { engine.submit(quick_request()); });
  refuses([&] { engine.queue(); });
  refuses([&] { engine.pause(); });
  refuses([&] { engine.unload(); });
  refuses([&] { engine.loaded(); });
  refuses([&] { engine.workers(); });
  refuses([&] { engine.explain_plan({}, 1); });
  refuses([&] { engine.set_idle_seconds(1); });
  refuses([&] { job.status(); });
  refuses([&] { job.wait(); });
  refuses([&] { job.cancel(); });
  refuses([&] { job.result(); });
  engine.close();
  return failures;
}

TEST(EngineLifetime, InAForkedProcessEverythingAsksForSpawnAndNothingWaits) {
  auto engine = std::make_unique<Engine>(one_thread());
  auto job = std::make_unique<Job>(engine->submit(slow_request()));
  while (job->status().fraction == 0) std::this_thread::yield();
  std::atomic<bool> waits = false;
  std::thread waiting([&, job = *job] {  // a condition variable that has a waiter cannot be destroyed
    waits = true;
    job.wait();
  });
  while (!waits) std::this_thread::yield();
  Child child([&] {
    const int failures = use_in_child(*engine, *job);
    job.reset();
    engine.reset();
    return failures;
  });
  EXPECT_EQ(child.status(), 0);
  job->cancel();
  waiting.join();
  EXPECT_EQ(job->status().state, JobState::kCancelled) << "the parent's is still well";
}

}  // namespace
}  // namespace relievo

// Runs many jobs over the real stages while they are moved, paused and cancelled at random.
#include <random>
#include <thread>

#include "runtime/torch/counting_allocator.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

using Stress = TinyPipelineTest;

TEST_F(Stress, JobsOfOtherSettingsDoNotKeepThePlanForOneFromBeginning) {
  Engine engine(tiny_options("cpu*2@3GiB", 2, "stage"));
  engine.pause();
  GenerateRequest one = tiny_request(), other = tiny_request();
  one.settings.precision = other.settings.precision = "bf16";
  other.settings.steps = 3;
  const Job first = engine.submit(one), second = engine.submit(other);
  engine.resume();
  ASSERT_TRUE(first.wait(60) && second.wait(60)) << "they wait without end";
  EXPECT_EQ(first.status().state, JobState::kDone);
  EXPECT_EQ(second.status().state, JobState::kDone);
}

TEST_F(Stress, CancelsUnloadsAndPausesFromManyThreads) {
  const char* rounds = std::getenv("RELIEVO_STRESS_JOBS");
  const int jobs_each = rounds ? std::atoi(rounds) : 2;
  constexpr int kPeople = 3;
  std::map<int, MeshBits> expected;
  for (const char* strategy : {"stage", "guidance", "auto"}) {
    SCOPED_TRACE(strategy);
    const int64_t charged_before = charged_bytes();
    {
      Engine engine(tiny_options("cpu*2@3GiB", 2, strategy));
      std::mutex mutex;
      std::vector<std::pair<int, Job>> all;  // with their kinds
      std::vector<std::thread> people;
      for (int person = 0; person < kPeople; ++person) {
        people.emplace_back([&, person] {
          std::mt19937 random(static_cast<uint32_t>(person));
          const auto one_in = [&](uint32_t n) { return random() % n == 0; };
          for (int i = 0; i < jobs_each; ++i) {
            const int kind = static_cast<int>(random() % 2);
            GenerateRequest request = tiny_request(kind);
            request.settings.precision = "bf16";
            // Nothing of `preview` can be shared by two workers.
            if (one_in(4) && strategy != std::string("guidance")) request.settings.model = kPreviewModel;
            if (one_in(6)) request.only_foreground = true;
            const bool is_ours = request.settings.model == kTinyModel && !request.only_foreground;
            const Job job = engine.submit(std::move(request));
            {
              const std::lock_guard lock(mutex);
              all.emplace_back(is_ours ? kind : -1, job);
            }
            if (one_in(4)) engine.unload();
            if (one_in(4)) engine.pause();
            if (one_in(3)) engine.move(job, 0);
            if (one_in(6)) engine.set_idle_seconds(0.001);
            std::this_thread::sleep_for(std::chrono::milliseconds(random() % 60));
            engine.resume();
            if (one_in(3)) {
              const std::lock_guard lock(mutex);
              all[random() % all.size()].second.cancel();
            }
            for (const Job& one : engine.queue()) one.status();
          }
        });
      }
      for (std::thread& person : people) person.join();
      engine.resume();
      for (const auto& [kind, job] : all) {
        ASSERT_TRUE(job.wait(120)) << "never ended";
        const JobState state = job.status().state;
        EXPECT_TRUE(state == JobState::kDone || state == JobState::kCancelled)
            << state_name(state) << ": " << job.error()->what();
        if (state != JobState::kDone || kind < 0) continue;
        // Guidance halves on two workers round otherwise; all others agree.
        if (strategy == std::string("stage")) {
          const MeshBits bits(job.result()->mesh);
          EXPECT_TRUE(same(expected.try_emplace(kind, bits).first->second, bits));
        }
      }
      EXPECT_TRUE(engine.queue().empty());
    }
    EXPECT_EQ(charged_bytes(), charged_before);
  }
}

}  // namespace
}  // namespace relievo

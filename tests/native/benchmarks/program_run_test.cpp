#include "benchmarks/native/program_run.h"

#include <gtest/gtest.h>

namespace relievo {
namespace {

TEST(ProgramRun, ReadsTheStageOffALineOfProgress) {
  EXPECT_EQ(stage_in_line("\r\033[K[1/1] cup  ████░░  12 %  surface     3 s left"), "surface");
  EXPECT_EQ(stage_in_line("\r\033[K[1/1] cup  ████░░  12 %  texture     "), "texture");
  EXPECT_EQ(stage_in_line("\r\033[K"), "");
  EXPECT_EQ(stage_in_line("relievo: cup.png: 3 %  of the subject is see-through"), "");
}

TEST(ProgramRun, CountsTheTimeOfEachStage) {
  // A program of the same manners: some work before the first stage, in it, and after the last.
  const std::string work = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; ";
  const std::string line = "printf '\\r\\033[K[1/1] cup  ##  12 %%  surface     ' >&2; ";
  const ProgramRun run = run_on_terminal(
      "/bin/sh",
      {"-c", work + line + work + work + work + "printf '\\r\\033[K' >&2; " + work + work + "exit 3"});
  EXPECT_EQ(run.status, 3);
  double sum = 0;
  for (const auto& [stage, seconds] : run.stage_cpu_seconds) sum += seconds;
  EXPECT_NEAR(sum, run.cpu_seconds, 1e-6);
  ASSERT_TRUE(run.stage_cpu_seconds.contains("surface"));
  ASSERT_TRUE(run.stage_cpu_seconds.contains("files"));
  EXPECT_GT(run.stage_cpu_seconds.at("surface"), run.stage_cpu_seconds.at("start"));
}

TEST(ProgramRun, SaysThatAProgramIsNotThere) {
  EXPECT_EQ(run_on_terminal("/no/such/program", {}).status, 127);
}

}  // namespace
}  // namespace relievo

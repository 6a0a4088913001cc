#include "app/own_process.h"

#include <gmock/gmock.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

constexpr double kPatience = 60;  // seconds, which no test here takes

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

TEST(OwnProcess, LinesComeOneByOneAndTheStatusIsItsOwn) {
  std::vector<std::string> lines;
  const EndedProcess ended = run_process(shell("echo one; echo; echo 'two words'; exit 3"), kPatience, {},
                                         [&](const std::string& line) { lines.push_back(line); });
  EXPECT_THAT(lines, testing::ElementsAre("one", "", "two words"));
  EXPECT_EQ(ended.status, 3);
  EXPECT_FALSE(ended.ran_too_long);
}

TEST(OwnProcess, ASignalThatEndedItIsInTheStatus) {
  EXPECT_EQ(run_process(shell("kill -SEGV $$"), kPatience, {}, [](const std::string&) {}).status, 128 + 11);
}

TEST(OwnProcess, ReadsNothing) {
  std::vector<std::string> lines;
  run_process(shell("cat; echo done"), kPatience, {},
              [&](const std::string& line) { lines.push_back(line); });
  EXPECT_THAT(lines, testing::ElementsAre("done"));
}

TEST(OwnProcess, IsEndedWhenItTakesTooLong) {
  std::vector<std::string> lines;
  const EndedProcess ended = run_process(shell("echo begun; exec cat /dev/zero > /dev/null"), 1, {},
                                         [&](const std::string& line) { lines.push_back(line); });
  EXPECT_TRUE(ended.ran_too_long);
  EXPECT_THAT(lines, testing::ElementsAre("begun"));
}

TEST(OwnProcess, IsEndedWhenCancelled) {
  const CancelToken cancel;
  expect_error(ErrorCode::kCancelled, "", [&] {
    run_process(shell("echo begun; exec cat /dev/zero > /dev/null"), kPatience, cancel,
                [&](const std::string&) { cancel.cancel(); });
  });
}

TEST(OwnProcess, AProgramThatIsNotThereIsNamed) {
  expect_error(ErrorCode::kIo, "'/no/such/program' cannot be started",
               [] { run_process({"/no/such/program"}, kPatience, {}, [](const std::string&) {}); });
}

}  // namespace
}  // namespace relievo

#include "base/standard_output.h"

#include <fcntl.h>

#include "child.h"

namespace relievo {
namespace {

TEST(StandardOutput, WhatCannotBeWrittenIsSaidOnceAndEndsWithAnError) {
  Child child([] {
    const int full = ::open("/dev/full", O_WRONLY);
    ::dup2(full, STDOUT_FILENO);
    print_output("{}\n", "lost");
    print_output("{}\n", "lost, too");
    return 10 * status_after_output(0) + status_after_output(5);
  });
  const std::string said = child.read_until("never said");
  EXPECT_EQ(said.find("Cannot write"), said.rfind("Cannot write")) << said;
  EXPECT_NE(said.find("No space left on device"), std::string::npos) << said;
  EXPECT_EQ(child.status(), 35);
}

TEST(StandardOutput, IsFineWhereItIsWritten) {
  Child child([] {
    const int nothing = ::open("/dev/null", O_WRONLY);
    ::dup2(nothing, STDOUT_FILENO);
    print_output("{}\n", std::string(1'000'000, 'x'));
    return status_after_output(0);
  });
  EXPECT_EQ(child.status(), 0);
}

TEST(StandardOutput, APipeThatIsNotReadAtOnceIsWaitedFor) {
  int ends[2] = {};
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  Child child([&] {
    ::dup2(ends[1], STDOUT_FILENO);
    write_output(std::string(300'000, 'x'));
    return status_after_output(0);
  });
  ::close(ends[1]);
  size_t read = 0;
  std::string part(65'536, '\0');
  for (ssize_t count = -1; count != 0;) {
    pollfd ready{ends[0], POLLIN, 0};
    ::poll(&ready, 1, -1);
    count = ::read(ends[0], part.data(), part.size());
    if (count > 0) read += static_cast<size_t>(count);
  }
  ::close(ends[0]);
  EXPECT_EQ(read, 300'000U);
  EXPECT_EQ(child.status(), 0);
}

TEST(StandardOutput, StreamsThatWereClosedAreNotTakenByFiles) {
  Child child([] {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO}) ::close(stream);
    keep_standard_streams();
    const int file = ::open("/dev/null", O_RDWR);
    print_output("lost");
    return file > STDERR_FILENO ? status_after_output(0) : 1;
  });
  EXPECT_EQ(child.status(), 3);
}

}  // namespace
}  // namespace relievo

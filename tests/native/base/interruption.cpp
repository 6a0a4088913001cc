#include "base/interruption.h"

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "child.h"

namespace relievo {
namespace {

void say(const char* text) { ::write(STDERR_FILENO, text, std::strlen(text)) > 0 ? void() : std::abort(); }

void use_default_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::signal(number, SIG_DFL);
}

/// Says "heard" once it is asked to stop, and goes on.
int heed() {
  use_default_signals();
  catch_interruptions();
  const CancelToken cancel = interruption();
  say("ready");
  while (!cancel.cancelled()) ::usleep(1000);
  say("heard");
  for (int i = 0; i < 100; ++i) ::usleep(10'000);
  return interrupted_status().value_or(0);
}

TEST(Interruption, TheFirstSignalAsksAndTheStatusTellsWhichItWas) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    Child child(heed);
    child.read_until("ready");
    ::kill(child.id(), number);
    EXPECT_NE(child.read_until("heard").find("heard"), std::string::npos);
    EXPECT_EQ(child.status(), 128 + number);
  }
}

TEST(Interruption, TheSecondSignalEndsTheProgramAtOnce) {
  Child child([] {
    heed();
    return 1;  // the child came to its own end
  });
  child.read_until("ready");
  ::kill(child.id(), SIGINT);
  child.read_until("heard");
  ::kill(child.id(), SIGTERM);
  EXPECT_EQ(child.status(), 128 + SIGTERM);
}

TEST(Interruption, AProgramThatDoesNotAskForItEndsAtOnce) {
  Child child([] {
    use_default_signals();
    catch_interruptions();
    say("ready");
    while (true) ::pause();
    return 0;
  });
  child.read_until("ready");
  ::kill(child.id(), SIGINT);
  EXPECT_NE(child.read_until("Interrupted.\n").find("Interrupted."), std::string::npos);
  EXPECT_EQ(child.status(), 130);
}

TEST(Interruption, WhatWasIgnoredStaysIgnored) {
  Child child([] {
    use_default_signals();
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    catch_interruptions();
    const CancelToken cancel = interruption();
    ::raise(SIGINT);
    ::raise(SIGHUP);
    return cancel.cancelled() || interrupted_status() ? 1 : 0;
  });
  EXPECT_EQ(child.status(), 0);
}

}  // namespace
}  // namespace relievo

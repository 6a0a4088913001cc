#include "app/savers.h"

#include <future>
#include <string>

#include <gtest/gtest.h>

namespace relievo {
namespace {

PictureOutcome outcome_of(const std::string& picture) {
  PictureOutcome outcome;
  outcome.task.picture = picture;
  return outcome;
}

TEST(Savers, SaveSideBySideAndGiveBackInOrder) {
  Savers savers(2);
  std::promise<void> second_is_done;
  savers.add(Savers::Work([waits = second_is_done.get_future().share()] {
    waits.wait();  // for ever, if the second one came after it
    return outcome_of("first");
  }));
  savers.add(Savers::Work([&] {
    second_is_done.set_value();
    return outcome_of("second");
  }));
  EXPECT_EQ(savers.next(0)->task.picture, "first");
  EXPECT_EQ(savers.next(0)->task.picture, "second");
  EXPECT_FALSE(savers.next(0));
}

TEST(Savers, WaitsOnlyWhereMoreAreHereThanAreAllowed) {
  Savers savers(1);
  std::promise<void> may_end;
  savers.add(Savers::Work([waits = may_end.get_future().share()] {
    waits.wait();
    return outcome_of("first");
  }));
  EXPECT_FALSE(savers.next(1));
  may_end.set_value();
  EXPECT_TRUE(savers.next(0));
}

}  // namespace
}  // namespace relievo

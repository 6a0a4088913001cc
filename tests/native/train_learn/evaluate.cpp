#include "train/learn/evaluate.h"

#include <gmock/gmock.h>

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// An object whose F-score is 0.5 by inflation. Names are looked for that the hash puts into the part.
MeasuredObject object(const std::string& family, Part part, double gain, int& number) {
  MeasuredObject one;
  one.origin = {.name = {}, .source = "infinigen", .family = family, .licence = {}, .author = {}};
  do {
    one.origin.name = "object-" + std::to_string(number++);
  } while (part_of(one.origin) != part);
  one.inflation.f05 = 0.5;
  one.network.f05 = 0.5 + gain;
  return one;
}

/// Six objects of two families each: of ones that are trained on, and of ones that are not.
std::vector<MeasuredObject> measured(double gain_of_chairs, double gain_of_cups, double gain_of_pianos) {
  std::vector<MeasuredObject> all;
  int number = 0;
  for (int i = 0; i < 6; ++i) {
    const double noise = 0.01 * (i % 2);
    all.push_back(object("Chair", Part::kHeldOutObject, gain_of_chairs + noise, number));
    all.push_back(object("Cup", Part::kHeldOutObject, gain_of_cups + noise, number));
    all.push_back(object("Piano", Part::kHeldOutFamily, gain_of_pianos + noise, number));
  }
  return all;
}

TEST(Figures, AreMeansOverFamiliesBySourceAndOfAll) {
  const auto figures = figures_of(measured(0.2, 0.1, 0));
  ASSERT_EQ(figures.size(), 4u);
  for (const Figures& one : figures) {
    EXPECT_TRUE(one.source == "all" || one.source == "infinigen");
    if (one.part != "held-out object") continue;
    EXPECT_EQ(one.objects, 12);
    EXPECT_EQ(one.families, 2);
    EXPECT_NEAR(one.network.f05 - one.inflation.f05, 0.155, 1e-9);
  }
}

TEST(Shortfalls, NoneWhereTheRuleIsMet) { EXPECT_THAT(shortfalls(measured(0.15, 0.1, 0.01)), IsEmpty()); }

TEST(Shortfalls, NameEachPartOfTheRule) {
  EXPECT_THAT(shortfalls(measured(0.02, 0.03, 0.01)),
              ElementsAre(HasSubstr("+0.030 from the inflation's"), HasSubstr("interval")));
  EXPECT_THAT(shortfalls(measured(0.15, 0.1, -0.02)), ElementsAre(HasSubstr("On held-out families")));
  EXPECT_THAT(shortfalls(measured(0.3, -0.08, 0.01)),
              ElementsAre(HasSubstr("interval"), HasSubstr("infinigen/Cup")));
  EXPECT_THAT(shortfalls({}), ElementsAre(HasSubstr("No held-out object"), HasSubstr("No held-out family")));
}

}  // namespace
}  // namespace relievo

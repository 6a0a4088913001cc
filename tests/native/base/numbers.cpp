#include "base/numbers.h"

#include <clocale>
#include <cstdint>

#include <gtest/gtest.h>

namespace relievo {
namespace {

TEST(Numbers, AreDecimalAndTheWholeText) {
  EXPECT_EQ(read_number<int>("16"), 16);
  EXPECT_EQ(read_number<int>("016"), 16);
  EXPECT_EQ(read_number<int>("-7"), -7);
  EXPECT_EQ(read_number<int64_t>("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(read_number<double>("1.5"), 1.5);
  EXPECT_EQ(read_number<double>("15e-1"), 1.5);
  EXPECT_EQ(read_number<float>(".5"), 0.5f);
}

TEST(Numbers, AreNothingWhereSomethingElseIsWritten) {
  for (const char* text :
       {"", " ", "0x10", "1 ", " 1", "1_0", "1,0", "one", "-", "+", "+1", "--1", "1e2", "1.0", "٣", "1\n"}) {
    EXPECT_EQ(read_number<int>(text), std::nullopt) << text;
  }
  for (const char* text : {"", "nan", "NaN(1)", "-nan", "inf", "-Infinity", "0x1p0", "1e", "e1", "1.5.",
                           "1,5", "1d0", ".", "1e400", "-1e400"}) {
    EXPECT_EQ(read_number<double>(text), std::nullopt) << text;
  }
  EXPECT_EQ(read_number<int>("2147483648"), std::nullopt);
  EXPECT_EQ(read_number<int>("4294967312"), std::nullopt) << "16 and 2^32";
  EXPECT_EQ(read_number<float>("1e39"), std::nullopt);
  EXPECT_EQ(read_number<int>(std::string_view("1\0", 2)), std::nullopt);
}

}  // namespace
}  // namespace relievo

#include "batch/until.h"

#include <cstdlib>
#include <ctime>

#include "scratch.h"

namespace relievo {
namespace {

using std::chrono::system_clock;

class Until : public ::testing::Test {
 protected:
  Until() { use_zone("UTC"); }
  ~Until() override { use_zone(""); }

  static void use_zone(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }

  /// A moment of UTC.
  static system_clock::time_point at(int year, int month, int day, int hour, int minute, int second = 0) {
    std::tm time{};
    time.tm_year = year - 1900;
    time.tm_mon = month - 1;
    time.tm_mday = day;
    time.tm_hour = hour;
    time.tm_min = minute;
    time.tm_sec = second;
    return system_clock::from_time_t(::timegm(&time));
  }
};

TEST_F(Until, IsTheNextSuchTimeOfDay) {
  EXPECT_EQ(next_time_of_day("07:00", at(2026, 3, 1, 22, 30)), at(2026, 3, 2, 7, 0));
  EXPECT_EQ(next_time_of_day("7:00", at(2026, 3, 1, 6, 59, 59)), at(2026, 3, 1, 7, 0));
  EXPECT_EQ(next_time_of_day("07:00", at(2026, 3, 1, 7, 0)), at(2026, 3, 2, 7, 0));
  EXPECT_EQ(next_time_of_day("00:00", at(2026, 12, 31, 23, 59)), at(2027, 1, 1, 0, 0));
}

TEST_F(Until, IsATimeOfTheMachinesOwnClocks) {
  use_zone("CET-1CEST,M3.5.0,M10.5.0/3");  // summer time begins on 29 March 2026
  EXPECT_EQ(next_time_of_day("07:00", at(2026, 3, 28, 21, 0)), at(2026, 3, 29, 5, 0));
  EXPECT_EQ(next_time_of_day("07:00", at(2026, 3, 27, 21, 0)), at(2026, 3, 28, 6, 0));
}

TEST_F(Until, RefusesWhatIsNoTimeOfDay) {
  for (const char* text :
       {"", "7", "700", "24:00", "07:60", "07:0", "-1:00", "07:00:00", "a:00", "1e1:00", " 7:00"}) {
    const auto [code, message] = refusal([&] { next_time_of_day(text); });
    EXPECT_EQ(code, ErrorCode::kInvalidSettings) << text;
    EXPECT_EQ(message, "Invalid time '" + std::string(text) + "'.");
  }
}

}  // namespace
}  // namespace relievo

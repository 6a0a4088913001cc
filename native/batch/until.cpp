#include "batch/until.h"

#include <ctime>

#include "base/numbers.h"
#include "base/refusals.h"

namespace relievo {

std::chrono::system_clock::time_point next_time_of_day(const std::string& text,
                                                       std::chrono::system_clock::time_point now) {
  const size_t colon = text.find(':');
  const bool has_form = (colon == 1 || colon == 2) && text.size() == colon + 3;
  const auto hour = has_form ? read_number<int>(text.substr(0, colon)) : std::nullopt;
  const auto minute = has_form ? read_number<int>(text.substr(colon + 1)) : std::nullopt;
  if (!hour || !minute || *hour < 0 || *hour > 23 || *minute < 0 || *minute > 59)
    throw invalid_value("time", text, "Use hours and minutes from 00:00 to 23:59, such as 07:00.");
  const std::time_t today = std::chrono::system_clock::to_time_t(now);
  for (int days = 0;; ++days) {
    std::tm local{};
    ::localtime_r(&today, &local);
    local.tm_hour = *hour;
    local.tm_min = *minute;
    local.tm_sec = 0;
    local.tm_mday += days;
    local.tm_isdst = -1;
    const auto then = std::chrono::system_clock::from_time_t(std::mktime(&local));
    if (then > now) return then;
  }
}

}  // namespace relievo

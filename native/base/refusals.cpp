#include "base/refusals.h"

namespace relievo {
namespace {

std::string named(const char* verdict, std::string_view what, std::string_view value) {
  std::string text(verdict);
  text.append(" ").append(what).append(" '").append(value).append("'.");
  return text;
}

}  // namespace

std::string either_of(std::span<const std::string> choices) {
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) text += i + 1 < choices.size() ? ", " : " or ";
    text += choices[i];
  }
  return text;
}

Error unknown_value(std::string_view what, std::string_view value, std::span<const std::string> choices,
                    ErrorCode code) {
  return {code, named("Unknown", what, value), "Use " + either_of(choices) + "."};
}

Error invalid_value(std::string_view what, std::string_view value, const std::string& hint, ErrorCode code) {
  return {code, named("Invalid", what, value), hint};
}

}  // namespace relievo

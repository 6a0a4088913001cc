// The one reader of numbers that people write: on the command line, in the environment, in lists of devices.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <optional>
#include <string_view>
#include <system_error>

namespace relievo {

/// What a number may be, both ends included.
template <typename T>
struct Range {
  T low;
  T high;
};

/// The whole of `text` as a decimal number, in any locale: 016 is 16. Nothing where it is empty, has blanks
/// or anything else around the number, is hexadecimal, not finite, too large for the type or, for a whole
/// number, has a point or an exponent.
template <typename T>
requires std::integral<T> || std::floating_point<T> std::optional<T> read_number(std::string_view text) {
  // from_chars reads inf and nan(1), too, which are no decimal numbers.
  const bool is_plain = std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || std::string_view("+-.eE").find(c) != std::string_view::npos;
  });
  if (!is_plain) return std::nullopt;
  T value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace relievo

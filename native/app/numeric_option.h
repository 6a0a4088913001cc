// Options that take a number: of this program and of relievo-bench.
#pragma once

#include <string>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/numbers.h"
#include "base/refusals.h"

namespace relievo {

/// An option whose word is a decimal number in `range`; the message of what is refused names both. Its
/// default is what `value` is now.
template <typename T>
CLI::Option* add_number(CLI::App& parser, const std::string& name, T& value, Range<T> range,
                        const std::string& description) {
  constexpr bool kIsWhole = std::is_integral_v<T>;
  const auto read = [name, &value, range](const std::string& word) {
    const std::optional<T> number = read_number<T>(word);
    if (!number || !(*number >= range.low && *number <= range.high)) {
      throw invalid_value(name, word,
                          fmt::format("Use a {} number from {} to {}.", kIsWhole ? "whole" : "decimal",
                                      range.low, range.high));
    }
    value = *number;
  };
  return parser.add_option_function<std::string>(name, read, description)
      ->type_name(kIsWhole ? "INT" : "FLOAT")
      ->default_str(fmt::format("{}", value));
}

}  // namespace relievo

// Options that take a number, for this program and for relievo-bench.
#pragma once

#include <string>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/numbers.h"
#include "base/refusals.h"

namespace relievo {

/// Adds an option whose word is a decimal number in `range`; a refusal names both. Its default is the present
/// `value`.
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

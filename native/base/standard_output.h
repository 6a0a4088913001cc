// Standard output for answers that must not be lost in silence: a full disk and a closed pipe are errors.
#pragma once

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace relievo {

/// Files that are opened later never take the place of a standard stream that the program was started
/// without. Call it first.
void keep_standard_streams();

/// Writes a text that people or programs wait for, at once. That it cannot be written is said on standard
/// error once, and the work goes on: its files are worth more than what is said of them.
void write_output(std::string_view text);

template <typename... T>
void print_output(fmt::format_string<T...> format, T&&... arguments) {
  write_output(fmt::format(format, std::forward<T>(arguments)...));
}

/// Writes to people, on standard error. It loses what that does not take.
void write_message(std::string_view text);

template <typename... T>
void print_message(fmt::format_string<T...> format, T&&... arguments) {
  write_message(fmt::format(format, std::forward<T>(arguments)...));
}

/// The exit status of a program that would end with `status`: that of an error in writing where it is 0 and
/// something was not written.
int status_after_output(int status);

}  // namespace relievo

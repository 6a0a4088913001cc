// The two ways in which a value that somebody gave is refused (CONTRIBUTING.md, "Messages").
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace relievo {

/// `a, b or c`; empty when there is none.
std::string either_of(std::span<const std::string> choices);

/// A word that is none of the choices: "Unknown sampler 'ddim'." "Use euler-ancestral, dpm-solver++ or
/// unipc."
Error unknown_value(std::string_view what, std::string_view value, std::span<const std::string> choices,
                    ErrorCode code = ErrorCode::kInvalidSettings);

/// A value of the wrong kind or out of range: "Invalid grid '3'." and, as the hint, what to use instead.
Error invalid_value(std::string_view what, std::string_view value, const std::string& hint,
                    ErrorCode code = ErrorCode::kInvalidSettings);

}  // namespace relievo

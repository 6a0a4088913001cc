// Checks that a refusal has the right reason.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "base/error.h"

namespace relievo {

/// Expects an Error of this code whose message has `part` in it, and a hint, unless it is the program's own
/// fault or a wish to stop.
template <typename Work>
void expect_error(ErrorCode code, const std::string& part, const Work& work) {
  try {
    work();
    ADD_FAILURE() << "no error, but expected " << code_name(code) << " about '" << part << "'";
  } catch (const Error& error) {
    EXPECT_EQ(code_name(error.code()), code_name(code)) << error.what();
    EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
    const bool needs_hint = code != ErrorCode::kInternal && code != ErrorCode::kCancelled;
    EXPECT_TRUE(!needs_hint || !error.hint().empty()) << error.message();
  }
}

}  // namespace relievo

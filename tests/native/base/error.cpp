#include "base/error.h"

#include <filesystem>
#include <map>

#include <gtest/gtest.h>

namespace relievo {
namespace {

// The table of docs/architecture.md, "Errors".
TEST(Error, CodesHaveTheNamesAndExitStatusesOfTheManual) {
  const std::map<ErrorCode, std::pair<std::string, int>> expected{
      {ErrorCode::kInvalidImage, {"invalid_image", 2}},
      {ErrorCode::kNoSubject, {"no_subject", 2}},
      {ErrorCode::kInvalidSettings, {"invalid_settings", 2}},
      {ErrorCode::kEmptySurface, {"empty_surface", 2}},
      {ErrorCode::kOutOfMemory, {"out_of_memory", 3}},
      {ErrorCode::kDeviceLost, {"device_lost", 3}},
      {ErrorCode::kIo, {"io", 3}},
      {ErrorCode::kModelMissing, {"model_missing", 4}},
      {ErrorCode::kModelCorrupt, {"model_corrupt", 4}},
      {ErrorCode::kModelMismatch, {"model_mismatch", 4}},
      {ErrorCode::kCancelled, {"cancelled", 130}},
      {ErrorCode::kInternal, {"internal", 1}},
  };
  for (const auto& [code, facts] : expected) {
    EXPECT_EQ(code_name(code), facts.first);
    EXPECT_EQ(exit_status(code), facts.second) << facts.first;
  }
}

ErrorCode code_of(const auto& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return current_error().code();
  }
}

TEST(Error, WhateverIsThrownBecomesOneOfOurs) {
  EXPECT_EQ(code_of(Error(ErrorCode::kNoSubject, "m")), ErrorCode::kNoSubject);
  EXPECT_EQ(code_of(std::bad_alloc()), ErrorCode::kOutOfMemory);
  EXPECT_EQ(
      code_of(std::filesystem::filesystem_error("m", std::make_error_code(std::errc::permission_denied))),
      ErrorCode::kIo);
  EXPECT_EQ(code_of(std::runtime_error("m")), ErrorCode::kInternal);
  EXPECT_EQ(code_of(42), ErrorCode::kInternal);
}

TEST(Error, WhatHoldsMessageAndHint) {
  EXPECT_STREQ(Error(ErrorCode::kIo, "Disk full.", "Free some space.").what(),
               "Disk full. (Free some space.)");
  EXPECT_STREQ(Error(ErrorCode::kIo, "Disk full.").what(), "Disk full.");
}

}  // namespace
}  // namespace relievo

#include "base/refusals.h"

#include <vector>

#include <gtest/gtest.h>

namespace relievo {
namespace {

TEST(Refusals, ChoicesAreASentenceOfTheirOwn) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(either_of(Words{}), "");
  EXPECT_EQ(either_of(Words{"a"}), "a");
  EXPECT_EQ(either_of(Words{"a", "b"}), "a or b");
  EXPECT_EQ(either_of(Words{"a", "b", "c"}), "a, b or c");
}

TEST(Refusals, NameWhatIsWrongTheValueAndWhatToUse) {
  const Error unknown = unknown_value("precision", "x", std::vector<std::string>{"fp32", "bf16", "fp16"});
  EXPECT_EQ(unknown.code(), ErrorCode::kInvalidSettings);
  EXPECT_EQ(unknown.message(), "Unknown precision 'x'.");
  EXPECT_EQ(unknown.hint(), "Use fp32, bf16 or fp16.");
  const Error invalid = invalid_value("grid", "3", "Use 16 to 512.", ErrorCode::kInvalidImage);
  EXPECT_EQ(invalid.code(), ErrorCode::kInvalidImage);
  EXPECT_EQ(invalid.message(), "Invalid grid '3'.");
  EXPECT_EQ(invalid.hint(), "Use 16 to 512.");
}

}  // namespace
}  // namespace relievo

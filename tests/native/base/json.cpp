#include "base/json.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

using nlohmann::json;

std::string refusal(const std::string& text, const JsonLimits& limits = {}) {
  try {
    parse_json(text, limits);
  } catch (const JsonError& error) {
    return error.what();
  }
  return {};
}

std::string repeated(const std::string& part, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part;
  return text;
}

TEST(Json, ReadsWhatTheLimitsAllow) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2.5, "x", null, {"a": true}]})"),
            json::object({{"a", {1, 2.5, "x", nullptr, {{"a", true}}}}}));
  EXPECT_EQ(refusal("[[[]]]", {.depth = 3}), "");
  EXPECT_EQ(refusal(R"({"a": {"a": 1}, "b": {"a": 1}})"), "");
  EXPECT_EQ(refusal("1234", {.bytes = 4}), "");
}

TEST(Json, RefusesDocumentsThatAreTooDeepOrTooLarge) {
  EXPECT_EQ(refusal("[[[]]]", {.depth = 2}), "it nests more than 2 levels deep");
  EXPECT_EQ(refusal(R"({"a": [{"b": 1}]})", {.depth = 2}), "it nests more than 2 levels deep");
  EXPECT_EQ(refusal(repeated("[", 1'000'000)), "it nests more than 32 levels deep");
  EXPECT_EQ(refusal(repeated(R"({"a":)", 1'000'000)), "it nests more than 32 levels deep");
  EXPECT_EQ(refusal("12345", {.bytes = 4}), "it has more than 4 bytes");
}

TEST(Json, SaysWhereADocumentIsBroken) {
  EXPECT_EQ(refusal("[1,\n 2,, 3]"), "it is not JSON (line 2, column 4)");
  EXPECT_EQ(refusal(""), "it is not JSON (line 1, column 1)");
  EXPECT_EQ(refusal("[\"\xff\"]").substr(0, 14), "it is not JSON");
  EXPECT_EQ(refusal("[NaN]").substr(0, 14), "it is not JSON");
  EXPECT_EQ(refusal("[1e999]"), "it is not JSON: a number in it is too large");
}

TEST(Json, RefusesANameThatStandsTwice) {
  EXPECT_EQ(refusal(R"({"a": {"b": 1, "c": [{"b": 1}], "b": 2}})"),
            "the name 'b' stands twice in one object");
}

class JsonFile : public ::testing::Test {
 protected:
  JsonFile() { std::filesystem::create_directories(folder_); }
  ~JsonFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path written(const std::string& content) const {
    std::ofstream(folder_ / "file.json", std::ios::binary) << content;
    return folder_ / "file.json";
  }
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("relievo-json-" + std::to_string(::getpid()));
};

TEST_F(JsonFile, WithAnObjectIsRead) {
  EXPECT_EQ(read_json(written("[1]")), json::array({1}));
  EXPECT_EQ(read_json_object_if_sound(written(R"({"a": 1})")), json::object({{"a", 1}}));
}

TEST_F(JsonFile, ThatIsDamagedOrNoFileGivesAnEmptyObjectAtOnce) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const char* name : {"missing", "pipe", ".", "/dev/zero"}) {
    EXPECT_EQ(read_json_object_if_sound(folder_ / name), json::object()) << name;
    expect_error(ErrorCode::kIo, fmt::format("Cannot read '{}': ", (folder_ / name).string()),
                 [&] { read_json(folder_ / name); });
  }
  for (const std::string& content :
       {std::string("{"), std::string("[1]"), repeated("[", 200'000), std::string()}) {
    EXPECT_EQ(read_json_object_if_sound(written(content)), json::object());
  }
}

}  // namespace
}  // namespace relievo

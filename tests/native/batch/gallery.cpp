#include "batch/gallery.h"

#include <gmock/gmock.h>

#include "base/json.h"
#include "batch/thumbnail.h"
#include "files/pictures.h"
#include "scratch.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class Gallery : public Scratch {
 protected:
  static fs::path made(const fs::path& folder) {
    fs::create_directories(folder);
    return folder;
  }

  /// Records an attempt at a result of its own.
  void add(const std::string& name, const AttemptEnd& end) {
    const int64_t result =
        journal.add_result({.folder = "sub", .name = name, .picture = name + ".png", .wanted = name});
    journal.finish(journal.begin(result, "key", "checksum"), end);
  }

  /// What a page shows.
  json results(const std::string& page) const {
    const std::string text = read("out/" + page);
    const std::string begin = "id=\"facts\">[[", end = "\n], ";
    const size_t first = text.find(begin) + begin.size();
    return parse_json("[" + text.substr(first, text.find(end, first) - first) + "]");
  }

  std::vector<std::string> notes;
  Journal journal{made(folder / "out"), Journal::Access::kWrite, notes};
};

TEST_F(Gallery, ShowsTheLastAttemptAtEachResult) {
  const int64_t result =
      journal.add_result({.folder = "", .name = "cup", .picture = "cup.png", .wanted = "cup"});
  journal.finish(journal.begin(result, "", ""),
                 {.error = Error(ErrorCode::kIo, "It was full.", "Make room.")});
  journal.finish(
      journal.begin(result, "k", "c"),
      {.seconds = 2.5,
       .answer = R"({"faces": 7, "watertight": true, "notes": ["A note."], "stages": [{"peak_bytes": 5}]})",
       .files = {{"cup.glb", 3, "x"}},
       .thumbnail = {std::byte{1}, std::byte{2}}});
  add("jug", {.error = Error(ErrorCode::kNoSubject, "No subject.", "Paint a mask.")});
  EXPECT_EQ(write_gallery(folder / "out", journal), folder / "out/relievo-report.html");
  const json shown = results("relievo-report.html");
  ASSERT_THAT(shown, SizeIs(2));
  EXPECT_EQ(shown[0]["name"], "cup");
  EXPECT_EQ(shown[0]["state"], "made");
  EXPECT_EQ(shown[0]["seconds"], 2.5);
  EXPECT_EQ(shown[0]["peak_bytes"], 5);
  EXPECT_EQ(shown[0]["faces"], 7);
  EXPECT_EQ(shown[0]["files"], json::array({"cup.glb"}));
  EXPECT_EQ(shown[0]["thumbnail"], "AQI=");
  EXPECT_EQ(shown[0]["error"], nullptr);
  EXPECT_EQ(shown[1]["folder"], "sub");
  EXPECT_EQ(shown[1]["state"], "failed");
  EXPECT_EQ(shown[1]["error_code"], "no_subject");
  EXPECT_EQ(shown[1]["hint"], "Paint a mask.");
  EXPECT_THAT(names("out"), ElementsAre("relievo-batch.sqlite", "relievo-metrics.csv",
                                        "relievo-metrics.jsonl", "relievo-report.html"));
}

TEST_F(Gallery, TellsTheSameInItsTables) {
  add("=cup", {.answer = R"({"faces": 7, "notes": ["Say \"so\", now."]})", .files = {{"a,b.glb", 1, "x"}}});
  write_gallery(folder / "out", journal);
  const std::string line = read("out/relievo-metrics.jsonl");
  EXPECT_EQ(parse_json(line)["name"], "=cup");
  EXPECT_EQ(parse_json(line)["faces"], 7);
  const std::string table = read("out/relievo-metrics.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 2);
  EXPECT_THAT(table, HasSubstr("\"'=cup\""));  // which no spreadsheet computes
  EXPECT_THAT(table, HasSubstr(R"("[""a,b.glb""]")"));
  EXPECT_THAT(table, HasSubstr(R"("[""Say \""so\"", now.""]")"));
}

TEST_F(Gallery, NeverLetsANameEndItsScript) {
  add("</script><script>alert(1)</script><!--", {.answer = "{}"});
  write_gallery(folder / "out", journal);
  EXPECT_THAT(read("out/relievo-report.html"), Not(HasSubstr("<script>alert")));
  EXPECT_EQ(results("relievo-report.html")[0]["name"], "</script><script>alert(1)</script><!--");
}

TEST_F(Gallery, HasAPageForEachThousandResults) {
  for (int i = 0; i < 1001; ++i) add("r" + std::to_string(10'000 + i), {.answer = "{}"});
  write("out/relievo-report-3.html", "of an earlier report");
  write_gallery(folder / "out", journal);
  EXPECT_THAT(results("relievo-report.html"), SizeIs(1000));
  EXPECT_THAT(results("relievo-report-2.html"), SizeIs(1));
  EXPECT_THAT(read("out/relievo-report.html"), HasSubstr(R"("after":"relievo-report-2.html")"));
  EXPECT_THAT(read("out/relievo-report-2.html"), HasSubstr(R"("before":"relievo-report.html")"));
  EXPECT_FALSE(fs::exists(folder / "out/relievo-report-3.html"));
}

TEST_F(Gallery, AsksNoNetwork) {
  add("cup", {.answer = "{}"});
  write_gallery(folder / "out", journal);
  const std::string page = read("out/relievo-report.html");
  for (const char* word : {"http://", "https://", "src=\"//", "@import", "url(", "@RESULTS@"})
    EXPECT_THAT(page, Not(HasSubstr(word)));
}

TEST(Thumbnail, ShowsTheCutOutBesideTheObjectInFewBytes) {
  const auto preview = [](const char* name, int side, int channels) {
    auto made = std::make_shared<Preview>(Preview{name, ByteImage(side, side, channels)});
    uint32_t state = 1;
    for (uint8_t& value : made->picture.pixels) {  // noise, which compresses worst
      state = state * 1664525 + 1013904223;
      value = static_cast<uint8_t>(state >> 24);
    }
    return std::shared_ptr<const Preview>(made);
  };
  const auto shown =
      thumbnail_of({preview("foreground", 256, 4), preview("views", 256, 3), preview("shaded", 256, 3)});
  EXPECT_LE(shown.size(), kMostThumbnailBytes);
  const Image picture = read_picture(std::span(shown), "thumbnail");
  EXPECT_EQ(std::pair(picture.width, picture.height), std::pair(512, 256));
  const auto half = thumbnail_of({preview("foreground", 100, 4)});
  EXPECT_EQ(read_picture(std::span(half), "thumbnail").width, 256);
  EXPECT_TRUE(thumbnail_of({}).empty());
}

TEST(Thumbnail, PutsTheCutOutToTheLeft) {
  const auto plain = [](const char* name, uint8_t value) {
    return std::make_shared<const Preview>(Preview{name, ByteImage(256, 256, 3, value)});
  };
  const auto shown = thumbnail_of({plain("shaded", 250), plain("foreground", 10)});
  const Image picture = read_picture(std::span(shown), "thumbnail");
  EXPECT_LT(picture.pixel(60, 128)[0], 0.2f);
  EXPECT_GT(picture.pixel(450, 128)[0], 0.8f);
}

}  // namespace
}  // namespace relievo

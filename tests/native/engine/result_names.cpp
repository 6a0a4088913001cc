// Tests that no name makes two results one file, or replaces a file of somebody else's.
#include "engine/result_names.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/clean_name.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

const std::string kCup(64, 'a'), kChair(64, 'b');

class ResultNames : public testing::Test {
 protected:
  ResultNames() {
    folder_ = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    output_.folder = folder_;
    output_.formats = {"obj"};
  }
  ~ResultNames() override { fs::remove_all(folder_); }

  void write(const fs::path& name, const std::string& text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  /// A file of an earlier result.
  void write_result(const fs::path& name, const std::string& checksum) {
    write(name, "# Relievo 0.1.0\n# relievo_picture_sha256: " + checksum + "\n# model: preview\no cup\n");
  }
  std::vector<std::string> names(const std::vector<NamedPicture>& pictures) const {
    return name_results(pictures, output_);
  }

  fs::path folder_;
  OutputFolder output_;
};

TEST_F(ResultNames, ThatAreFreeStayAsTheyAre) {
  EXPECT_THAT(names({{"cup", kCup}, {"chair", kChair}}), ElementsAre("cup", "chair"));
}

TEST_F(ResultNames, ThatAreEqualAfterCleaningAndInAnyCaseAreNumbered) {
  EXPECT_THAT(names({{"cup", kCup}, {" cup", kChair}, {"Cup ", kCup}, {"cup..", kCup}}),
              ElementsAre("cup", "cup_2", "Cup_3", "cup_4"));
  EXPECT_THAT(names({{"a\\b", kCup}, {"a_b", kChair}, {"a\nb", kCup}}), ElementsAre("a_b", "a_b_2", "a_b_3"));
  EXPECT_THAT(names({{"ÄRA", kCup}, {"ära", kChair}, {"a\u0308ra", kCup}}),
              ElementsAre("ÄRA", "ära_2", "a\u0308ra_3"));
  EXPECT_THAT(names({{"cup", kCup}, {"cup_2", kCup}, {"cup", kCup}}), ElementsAre("cup", "cup_2", "cup_3"));
}

TEST_F(ResultNames, SpareFilesOfOthers) {
  write("cup.mtl", "newmtl a\n");
  write_result("chair.obj", kCup);
  EXPECT_THAT(names({{"cup", kCup}, {"chair", kChair}}), ElementsAre("cup_2", "chair_2"));
  write("CUP_2.OBJ", "o cup\n");
  EXPECT_THAT(names({{"cup", kCup}}), ElementsAre("cup_3"));
  fs::create_symlink("nowhere", folder_ / "cup_3.obj");
  fs::create_directory(folder_ / "cup_4_albedo.png");
  EXPECT_THAT(names({{"cup", kCup}}), ElementsAre("cup_5"));
}

TEST_F(ResultNames, AreTheSameAgainForTheSamePictures) {
  const std::vector<NamedPicture> pictures{{"cup", kCup}, {"cup", kChair}};
  write_result("cup.obj", kCup);
  write_result("cup_2.obj", kChair);
  EXPECT_THAT(names(pictures), ElementsAre("cup", "cup_2"));
  EXPECT_THAT(names({{"cup", kChair}}), ElementsAre("cup_2"));
}

TEST_F(ResultNames, ReplaceWhatWasMadeOfTheSamePictureBefore) {
  write_result("cup.obj", kCup);
  EXPECT_THAT(names({{"cup", kChair}}), ElementsAre("cup_2"));
  EXPECT_THAT(names({{"cup", kChair, {kCup}}}), ElementsAre("cup"));
}

TEST_F(ResultNames, SpareInputsWhoeverWroteThem) {
  write_result("cup_sheet.png", kCup);
  output_.renders.sheet = true;
  EXPECT_THAT(names({{"cup", kCup}}), ElementsAre("cup"));
  output_.inputs = {folder_ / "." / "cup_sheet.png"};
  EXPECT_THAT(names({{"cup", kCup}}), ElementsAre("cup_2"));
  write_result("views/a.obj", kCup);
  fs::create_hard_link(folder_ / "views/a.obj", folder_ / "chair.obj");
  output_.inputs = {folder_ / "views"};
  EXPECT_THAT(names({{"chair", kCup}}), ElementsAre("chair_2"));
}

TEST_F(ResultNames, SpareFramesOfATurntableAndItsFolder) {
  output_.renders.turntable = 2;
  write("cup_turntable/cup_0003.png", "a picture");
  EXPECT_THAT(names({{"cup", kCup}}), ElementsAre("cup"));
  write("cup_turntable/CUP_0002.png", "a picture");
  EXPECT_THAT(names({{"cup", kCup}}), ElementsAre("cup_2"));
  write("chair_turntable", "a file");
  EXPECT_THAT(names({{"chair", kChair}}), ElementsAre("chair_2"));
}

TEST_F(ResultNames, OfEarlierResultsGoFirst) {
  output_.reserved = {"chair"};
  EXPECT_THAT(names({{"cup", kCup}, {"cup", kChair, {}, true}, {"Chair", kCup}}),
              ElementsAre("cup_2", "cup", "Chair_2"));
}

TEST_F(ResultNames, OfATurntableAreNotTakenByAFileWithoutEnding) {
  output_.formats = {"glb", "obj", "ply", "blend"};
  output_.renders = {.turntable = 1, .exr = true, .sheet = true};
  EXPECT_THAT(names({{"cup", kCup}, {"cup_turntable", kChair}}), ElementsAre("cup", "cup_turntable_2"));
  EXPECT_THAT(names({{"cup", kCup}, {"cup_sheet", kChair}, {"cup_albedo", kChair}}),
              ElementsAre("cup", "cup_sheet", "cup_albedo"));
}

TEST_F(ResultNames, ThatAreLongAreCutBeforeTheyAreCompared) {
  const std::string longest(255, 'x');
  const std::vector<std::string> found = names({{longest, kCup}, {longest + "y", kChair}});
  EXPECT_EQ(found[0], std::string(kLongestName, 'x'));
  std::string second(kLongestName - 2, 'x');
  second += "_2";
  EXPECT_EQ(found[1], second);
  output_.renders = {.turntable = 3600, .exr = true, .sheet = true};
  for (const fs::path& file : file_names(found[1], {"blend", "obj"}, output_.renders)) {
    constexpr size_t kMostOfAFile = 255, kOfHalfWritten = std::size(".4194304-4294967295.part") + 1;
    EXPECT_LE(file.filename().string().size() + kOfHalfWritten, kMostOfAFile);
  }
}

TEST_F(ResultNames, OfManyEqualPicturesAreFoundInOnePass) {
  constexpr int kMany = 20000;
  const std::vector<std::string> found = names(std::vector<NamedPicture>(kMany, {"cup", kCup}));
  EXPECT_EQ(found.front(), "cup");
  EXPECT_EQ(found.back(), "cup_20000");
}

TEST(CleanName, TakesAwayWhatSomeFileSystemRefuses) {
  const std::vector<std::pair<std::string, std::string>> kNames{
      {"cup", "cup"},
      {"a b.c", "a b.c"},
      {"  cup. . ", "cup"},
      {".hidden", "hidden"},
      {"...", "picture"},
      {"", "picture"},
      {" \u00a0\u3000", "picture"},
      {std::string("a\0b", 3), "a_b"},
      {"a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"},
      {"a\tb\x7f\u0085\u2028", "a_b___"},
      {"caf\xe9", "caf_"},
      {"caf\u00e9 \U0001F375", "caf\u00e9 \U0001F375"},
      {"CON", "CON_"},
      {"nul.tar.gz", "nul_.tar.gz"},
      {"Com1 .txt", "Com1_ .txt"},
      {"LPT\u00b9", "LPT\u00b9_"},
      {"CONSOLE", "CONSOLE"},
      {"COM", "COM"},
  };
  for (const auto& [name, cleaned] : kNames) {
    EXPECT_EQ(clean_name(name), cleaned);
    EXPECT_EQ(clean_name(cleaned), cleaned);
  }
}

TEST(CleanName, CutsBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 85; ++i) name += "\u3042";  // three bytes each
  EXPECT_EQ(clean_name(name), name.substr(0, 189));
  EXPECT_EQ(clean_name("ab  cd", 4), "ab");
  EXPECT_EQ(clean_name(clean_name(name, 100), 100), clean_name(name, 100));
}

}  // namespace
}  // namespace relievo

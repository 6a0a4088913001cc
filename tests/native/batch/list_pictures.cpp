#include "batch/list_pictures.h"

#include <initializer_list>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/side.h"
#include "scratch.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ListPictures : public Scratch {
 protected:
  /// Paths of the pictures and the folders of their results, relative.
  std::vector<std::string> listed(bool recursive = false) {
    list = list_folder(folder / "in", folder / "out", recursive, {});
    std::vector<std::string> found;
    for (const ListedPicture& picture : list.pictures) {
      EXPECT_EQ(picture.name, fs::path(picture.picture).stem().string());
      found.push_back((picture.folder / fs::path(picture.picture).filename()).string());
    }
    return found;
  }
  PictureList list;
};

TEST_F(ListPictures, TakesPicturesByTheirEndingsAndNamesTheRestByKindAndNumber) {
  for (const char* name : {"b.PNG", "a.jpg", "saved.jfif", "old.jpe", "x.webp", "c.hif", "o.DIB", "n.txt",
                           "m.txt", "d.psd", "none", "odd.a\x01", "._a.jpg", ".DS_Store"})
    write(std::string("in/") + name, "x");
  write("in/sub/c.png", "x");
  write("in/.git/c.png", "x");
  EXPECT_THAT(listed(), ElementsAre("a.jpg", "b.PNG", "c.hif", "o.DIB", "old.jpe", "saved.jfif", "x.webp"));
  EXPECT_EQ(list.left_out,
            "Left out: 2 .txt files, 1 .psd file, 2 other files, 2 hidden files, 1 subfolder (--recursive "
            "takes its "
            "pictures in).");
}

TEST_F(ListPictures, NamesOnlySomeOfManyKinds) {
  for (int i = 0; i < 100; ++i) write("in/f.k" + std::to_string(i), "x");
  EXPECT_TRUE(listed().empty());
  EXPECT_THAT(list.left_out, HasSubstr("1 .k0 file, "));
  EXPECT_THAT(list.left_out, HasSubstr(", 92 other files."));
}

TEST_F(ListPictures, LeavesOutLinksThatLeadNowhereAndWhatIsNoFile) {
  write("in/good.png", "x");
  fs::create_symlink("good.png", folder / "in/link.png");
  fs::create_symlink("self.png", folder / "in/self.png");
  fs::create_symlink("nowhere.png", folder / "in/dangling.png");
  fs::create_symlink("loop_b.png", folder / "in/loop_a.png");
  fs::create_symlink("loop_a.png", folder / "in/loop_b.png");
  ASSERT_EQ(::mkfifo((folder / "in/pipe.png").c_str(), 0600), 0);
  EXPECT_THAT(listed(), ElementsAre("good.png", "link.png"));
  EXPECT_EQ(list.left_out, "Left out: 4 links that lead nowhere, 1 entry that is no file.");
}

TEST_F(ListPictures, KeepsTheStructureOfFolders) {
  write("in/top.png", "x");
  write("in/day1/cup.png", "x");
  write("in/day2/deep/cup.png", "x");
  write("in/DAY2/deep/jug.png", "x");
  write("in/day2/notes.txt", "x");
  fs::create_directory_symlink("..", folder / "in/day1/back");
  EXPECT_THAT(listed(true), ElementsAre("DAY2/deep/jug.png", "day1/cup.png", "DAY2/deep/cup.png", "top.png"));
  EXPECT_EQ(list.left_out, "Left out: 1 .txt file, 1 link to a folder.");
}

TEST_F(ListPictures, PassesOverTheFolderOfResults) {
  write("in/cup.png", "x");
  write("in/out/cup_sheet.png", "x");
  list = list_folder(folder / "in", folder / "in/out", true, {});
  EXPECT_EQ(list.pictures.size(), 1u);
}

TEST_F(ListPictures, RefusesResultsAmongThePictures) {
  write("in/cup.png", "x");
  write("out/in/in/cup.png", "x");
  const auto among =
      std::pair(ErrorCode::kInvalidSettings, std::string("The results would lie among the pictures."));
  EXPECT_EQ(refusal([&] { list_folder(folder / "in", folder / "in/../in", false, {}); }), among);
  EXPECT_EQ(refusal([&] { list_folder(folder / "out/in", folder / "out", true, {}); }), among);
  EXPECT_EQ(refusal([&] { list_folder(folder / "none", folder / "out", false, {}); }).first, ErrorCode::kIo);
}

/// Pictures of the sides of an object, by their names.
class Sides : public ListPictures {
 protected:
  void write_pictures(std::initializer_list<const char*> names) {
    for (const char* name : names) write(std::string("in/") + name, "x");
  }
  /// "NAME: PICTURE SIDE=PICTURE..." of each object.
  std::vector<std::string> objects(const Settings& settings = {}, bool by_sides = true) {
    list = list_folder(folder / "in", folder / "out", true, settings, by_sides);
    std::vector<std::string> found;
    for (const ListedPicture& picture : list.pictures) {
      std::string text = (picture.folder / picture.name).string() + ": " + file_name(picture.picture);
      for (const OwnView& view : picture.settings.views) {
        const std::optional<Side> side = side_of(view);
        text += std::string(" ") + (side ? side_name(*side) : "none") + "=" + file_name(view.picture);
      }
      found.push_back(std::move(text));
    }
    return found;
  }
  static std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }
};

TEST_F(Sides, MakeOneObject) {
  write_pictures({"cup_front.png", "cup_back.png", "cup-Right.jpg", "jug.png", "jug_top.png", "pan.png"});
  EXPECT_THAT(objects(), ElementsAre("cup: cup_front.png back=cup_back.png right=cup-Right.jpg",
                                     "jug: jug.png top=jug_top.png", "pan: pan.png"));
  EXPECT_EQ(list.sides,
            "2 objects have pictures of several sides, as their names say (--no-sides keeps them apart).");
  EXPECT_EQ(objects({}, false).size(), 6u);
  EXPECT_EQ(list.sides, "");
}

TEST_F(Sides, OfAnObjectWithoutANameAreCalledAsTheirFolder) {
  write_pictures({"day/chair/front.png", "day/chair/left.png", "day/table/front.png", "day/table/back.png"});
  EXPECT_THAT(objects(), ElementsAre("day/chair/chair: front.png left=left.png",
                                     "day/table/table: front.png back=back.png"));
}

TEST_F(Sides, StayApartWhereTheyAreNoOnes) {
  write_pictures({"a/cup_left.png", "a/cup_right.png",                    // no front
                  "b/cup_front.png", "b/cup_front.jpg", "b/cup_top.png",  // two fronts
                  "c/cup_front.png", "d/cup_back.png",                    // of two folders
                  "e/waterfront.png", "e/water_back.png"});
  EXPECT_EQ(objects().size(), 9u);
  EXPECT_EQ(list.sides, "");
}

TEST_F(Sides, StayApartWhereTheSettingsHaveNoRoomForThem) {
  write_pictures({"cup_front.png", "cup_back.png"});
  Settings with_views, one_picture;
  with_views.views = {{.picture = "v.png", .azimuth = 90}};
  one_picture.model = "triposr";
  EXPECT_EQ(objects(with_views).size(), 2u);
  EXPECT_EQ(objects(one_picture).size(), 2u);
}

TEST_F(Sides, AreAllViewsOfAModelThatSeesNothingElse) {
  write_pictures({"cup_front.png", "cup_back.png"});
  Settings settings;
  settings.model = "instant-mesh-base";
  EXPECT_THAT(objects(settings), ElementsAre("cup: cup_front.png front=cup_front.png back=cup_back.png"));
}

class Manifest : public Scratch {
 protected:
  PictureList read(const std::string& content) { return read_manifest(write("list.json", content), {}); }
  /// What is wrong with the only entry.
  std::string wrong(const std::string& content) {
    const PictureList list = read(content);
    EXPECT_EQ(list.pictures.size(), 1u);
    return list.pictures.at(0).error.value().message();
  }
  std::string refused(const std::string& content) {
    const auto [code, message] = refusal([&] { read(content); });
    EXPECT_EQ(code, ErrorCode::kInvalidSettings) << message;
    return message;
  }
};

TEST_F(Manifest, AWrongEntryIsAPictureThatFails) {
  EXPECT_THAT(wrong("[3]"), HasSubstr("The manifest's entry '3' names no picture."));
  EXPECT_THAT(wrong(R"([""])"), HasSubstr("entry '{\"picture\":\"\"}' names no picture."));
  EXPECT_THAT(wrong(R"([{"picture": "a", "name": 3}])"),
              HasSubstr("entry '{\"name\":3,\"picture\":\"a\"}' names no picture."));
  EXPECT_THAT(wrong(R"([{"picture": "a", "size": 3}])"), HasSubstr("Unknown word 'size' in the manifest."));
  EXPECT_THAT(wrong(R"([{"picture": "a", "settings": {"fases": 3}}])"),
              HasSubstr("Unknown setting 'fases'."));
  EXPECT_THAT(wrong(R"([{"picture": "a", "settings": {"mask_file": "b"}}])"),
              HasSubstr("Unknown setting 'mask_file'."));
  EXPECT_THAT(wrong(R"(["a\u0000b"])"), HasSubstr("The path 'a' in the manifest holds a null character."));
  const PictureList list = read(R"(["a.png", 3, "b.png"])");
  ASSERT_EQ(list.pictures.size(), 3u);
  EXPECT_FALSE(list.pictures[0].error || list.pictures[2].error);
  EXPECT_EQ(list.pictures[1].error.value().message(),
            "Entry 2 of the manifest is wrong. The manifest's entry '3' names no picture.");
  EXPECT_EQ(list.pictures[1].picture, (folder / "list.json:entry 2").string());
}

TEST_F(Manifest, GivesPicturesNamesAndSettings) {
  const PictureList list = read(R"({"settings": {"grid": 16, "mask": "m.png"}, "pictures": ["in/a.png",
      {"picture": "/b.png", "name": "props/cup", "settings": {"mask": "alpha", "views": ["v.png"], "depth": 0.5}}]})");
  ASSERT_EQ(list.pictures.size(), 2u);
  const ListedPicture &first = list.pictures[0], &second = list.pictures[1];
  EXPECT_EQ(first.picture, (folder / "in/a.png").string());
  EXPECT_EQ(first.name, "a");
  EXPECT_EQ(first.settings.grid, 16);
  EXPECT_EQ(first.settings.mask, MaskKind::kFile);
  EXPECT_EQ(first.settings.mask_file, (folder / "m.png").string());
  EXPECT_EQ(second.picture, "/b.png");
  EXPECT_EQ(second.name, "props/cup");
  EXPECT_EQ(second.settings.mask, MaskKind::kAlpha);
  EXPECT_EQ(second.settings.mask_file, "");
  EXPECT_EQ(second.settings.views, std::vector<OwnView>{{.picture = (folder / "v.png").string()}});
  EXPECT_EQ(second.settings.grid, 16);
  EXPECT_EQ(second.settings.depth, 0.5f);
}

TEST_F(Manifest, TakesTheFirstOfItsViewsForAPicture) {
  const PictureList list = read(R"([{"name": "cup", "settings": {"views": [
      {"picture": "a.png", "mask": "m.png", "azimuth": 30}, {"picture": "/b.png", "azimuth": 90}]}}])");
  ASSERT_EQ(list.pictures.size(), 1u);
  EXPECT_EQ(list.pictures[0].picture, (folder / "a.png").string());
  EXPECT_EQ(list.pictures[0].name, "cup");
  const std::vector<OwnView> expected{
      {.picture = (folder / "a.png").string(), .mask = (folder / "m.png").string(), .azimuth = 30},
      {.picture = "/b.png", .azimuth = 90}};
  EXPECT_EQ(list.pictures[0].settings.views, expected);
  EXPECT_THAT(wrong(R"([{"name": "cup", "settings": {"views": []}}])"), HasSubstr("names no picture."));
}

TEST_F(Manifest, MayHaveAPictureALine) {
  const PictureList list = read_manifest(
      write("list.JSONL",
            "\"a.png\"\r\n\n{\"picture\": \"b.png\", \"settings\": {\"grid\": 16}}\n[1]\n{\"size\": 3}\nno\n"
            "{\"picture\": \"c.png\", \"settings\": {\"grid\": \"many\"}}"),
      {});
  ASSERT_EQ(list.pictures.size(), 6u);
  EXPECT_EQ(list.pictures[0].picture, (folder / "a.png").string());
  EXPECT_EQ(list.pictures[1].settings.grid, 16);
  EXPECT_FALSE(list.pictures[0].error || list.pictures[1].error);
  std::vector<std::string> wrong;
  for (size_t i = 2; i < 6; ++i) wrong.push_back(list.pictures[i].error.value().message());
  EXPECT_THAT(
      wrong,
      ElementsAre(HasSubstr("Line 4 of the manifest is wrong. The manifest's entry '[1]' names no"),
                  HasSubstr("Line 5 of the manifest is wrong. Unknown word 'size'"),
                  HasSubstr("Line 6 of the manifest is wrong. 'no' is no entry: it is not JSON (column"),
                  HasSubstr("Line 7 of the manifest is wrong. Invalid grid '\"many\"'.")));
}

TEST_F(Manifest, ThatIsNoneIsRefused) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "[";
  std::string deep_object;
  for (int i = 0; i < 200'000; ++i) deep_object += R"({"a":)";
  for (const std::string& text :
       {deep, R"({"pictures":[)" + deep, R"({"pictures":["a"],"settings":)" + deep_object})
    EXPECT_THAT(refused(text), HasSubstr("list.json' is not a manifest: it nests more than 32 levels deep."));
  EXPECT_THAT(refused("no json"), HasSubstr("is not a manifest: it is not JSON (line 1, column "));
  EXPECT_THAT(refused("{}"), HasSubstr("is not a manifest: it has no list of pictures."));
  EXPECT_THAT(refused(R"({"pictures": [], "size": 3})"), HasSubstr("Unknown word 'size' in the manifest."));
  EXPECT_THAT(refused(R"({"pictures": ["a"], "settings": {"grid": "many"}})"),
              HasSubstr("Invalid grid '\"many\"'."));
  EXPECT_EQ(refusal([&] { read_manifest(folder / "none.json", {}); }).first, ErrorCode::kIo);
  EXPECT_EQ(refusal([&] { read_manifest(folder, {}); }).first, ErrorCode::kIo);
}

}  // namespace
}  // namespace relievo

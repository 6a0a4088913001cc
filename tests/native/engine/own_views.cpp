// The notations in which views of one's own are given.
#include "engine/own_views.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/side.h"
#include "engine/own_view_json.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

std::string refusal(const auto& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  return "was accepted";
}

std::vector<OwnView> words(const std::vector<std::string>& pictures) {
  std::vector<OwnView> views;
  for (const std::string& picture : pictures) views.push_back({.picture = picture});
  return views;
}

class ViewNotations : public testing::Test {
 protected:
  ViewNotations() : folder_(fs::path(testing::TempDir()) / ("own-views-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~ViewNotations() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content = "") const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << content;
    return (folder_ / name).string();
  }

  std::string list_refusal(const std::string& content) const {
    const std::string file = write("list.json", content);
    std::string message = refusal([&] { check_views(expand_views(words({file}))); });
    if (const size_t place = message.find(folder_.string() + "/"); place != std::string::npos)
      message.erase(place, folder_.string().size() + 1);
    return message;
  }

  const fs::path folder_;
};

TEST_F(ViewNotations, ComeFromAListWithPathsBesideIt) {
  const std::string list = write("views.JSON", R"([
    {"picture": "front.png", "azimuth": 0, "elevation": 10, "fov": 50},
    {"picture": "side.png", "mask": "m/side.png", "azimuth": 90, "orthographic": true},
    "back_az180_el5.png",
    {"picture": "left_az270.png", "mask": "left_mask.png"}])");
  const std::string at = folder_.string() + "/";
  const std::vector<OwnView> expected{
      {.picture = at + "front.png", .azimuth = 0, .elevation = 10, .fov = 50},
      {.picture = at + "side.png", .mask = at + "m/side.png", .azimuth = 90, .orthographic = true},
      {.picture = at + "back_az180_el5.png", .azimuth = 180, .elevation = 5},
      {.picture = at + "left_az270.png", .mask = at + "left_mask.png", .azimuth = 270}};
  EXPECT_EQ(expand_views(words({list})), expected);
  for (const OwnView& view : expected) EXPECT_EQ(view_from_json(json_of(view)), view);
}

TEST_F(ViewNotations, NameSides) {
  const OwnView right = view_from_json({{"picture", "a.png"}, {"side", "right"}});
  EXPECT_EQ(right, view_from(Side::kRight, "a.png"));
  EXPECT_EQ(view_from_json(json_of(right)), right);
  const OwnView near = view_from_json({{"picture", "a.png"}, {"side", "back"}, {"fov", 40}});
  EXPECT_EQ(side_of(near), Side::kBack);
  EXPECT_FALSE(near.orthographic);
  EXPECT_EQ(near.fov, 40);
  EXPECT_EQ(list_refusal(R"([{"picture": "a", "side": "behind"}])"),
            R"(The side of the view '{"picture":"a","side":"behind"}' is none.)");
  EXPECT_EQ(list_refusal(R"([{"picture": "a", "side": "left", "azimuth": 3}])"),
            R"(The view '{"azimuth":3,"picture":"a","side":"left"}' has a side and a camera.)");
  EXPECT_EQ(
      expand_views(words({"cup_front.png", "cup_right.png"})),
      (std::vector{view_from(Side::kFront, "cup_front.png"), view_from(Side::kRight, "cup_right.png")}));
}

TEST_F(ViewNotations, OfASheetAreItsSidesInOrder) {
  EXPECT_EQ(sides_of_sheet("front,right,back"), (std::vector{Side::kFront, Side::kRight, Side::kBack}));
  EXPECT_EQ(sides_of_sheet("left,back"), (std::vector{Side::kLeft, Side::kBack}));
  for (const char* order : {"", "front", "front,", "front,side", "front,front", "left,right", "front right"})
    EXPECT_EQ(refusal([&] { sides_of_sheet(order); }), std::string("Invalid sheet '") + order + "'.");
}

TEST_F(ViewNotations, ComeFromAFolderInTheOrderOfNames) {
  write("in/b_az90.png");
  write("in/a_az0.jpg");
  write("in/notes.txt");
  const std::vector<OwnView> views = expand_views(words({(folder_ / "in").string()}));
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(fs::path(views[0].picture).filename(), "a_az0.jpg");
  EXPECT_EQ(views[1].azimuth, 90);
  fs::create_directories(folder_ / "none");
  EXPECT_EQ(refusal([&] { expand_views(words({(folder_ / "none").string()})); }),
            "The folder of views '" + (folder_ / "none").string() + "' holds no pictures.");
}

TEST_F(ViewNotations, AreRefusedWhereTheyCannotBeMeant) {
  const auto told = [](const std::vector<OwnView>& views) {
    return refusal([&] { check_views(expand_views(views)); });
  };
  const std::vector<std::string> seven{"az0.png",   "az50.png",  "az100.png", "az150.png",
                                       "az200.png", "az250.png", "az300.png"};
  EXPECT_EQ(told(words(seven)), "There are 7 views.");
  EXPECT_EQ(told(words({"a.png", "b.png"})), "The view 'a.png' has no camera.");
  EXPECT_EQ(told(words({"a_az0.png", "b.png"})), "The view 'b.png' has no camera.");
  EXPECT_EQ(told(words({"a_az-30.png", "b_az330.png"})),
            "The views 'a_az-30.png' and 'b_az330.png' have the same camera.");
  EXPECT_EQ(told(words({"a_az400.png"})), "The azimuth of the view 'a_az400.png' is 400 degrees.");
  EXPECT_EQ(told({{.picture = "a.png", .mask = "m.png"}}), "The view 'a.png' has no camera.");
  for (const int count : {1, 2, 3, 4, 5, 6})
    EXPECT_EQ(told(words({seven.begin(), seven.begin() + count})), "was accepted") << count;
  EXPECT_EQ(told(words({"1.png", "2.png", "3.png", "4.png", "5.png", "6.png"})), "was accepted");
  EXPECT_EQ(told(words({"grid.png"})), "was accepted");
}

TEST_F(ViewNotations, OfAWrongListAreRefusedWithTheEntry) {
  const std::map<std::string, std::string> refusals{
      {"[", "'list.json' is not a list of views: it is not JSON"},
      {"{}", "'list.json' is not a list of views: it is not a list."},
      {"[]", "'list.json' is not a list of views: it is empty."},
      {"[3]", "The view '3' names no picture."},
      {R"([{"azimuth": 3}])", R"(The view '{"azimuth":3}' names no picture.)"},
      {R"([{"picture": ""}])", R"(The view '{"picture":""}' names no picture.)"},
      {R"([{"picture": "a\u0000.png", "azimuth": 1}])", "The view '"},
      {R"([{"picture": "a", "azimuth": "30"}])",
       R"(The azimuth of the view '{"azimuth":"30","picture":"a"}' is not a number.)"},
      {R"([{"picture": "a", "elevation": 3}])",
       R"(The view '{"elevation":3,"picture":"a"}' has a camera without an azimuth.)"},
      {R"([{"picture": "a", "azimuth": 0, "roll": 3}])",
       R"(Unknown word 'roll' in the view '{"azimuth":0,"picture":"a","roll":3}'.)"},
      {R"([{"picture": "a", "azimuth": 0, "orthographic": 1}])",
       R"(In the view '{"azimuth":0,"orthographic":1,"picture":"a"}', orthographic is neither true nor false.)"},
      {R"([{"picture": "a", "azimuth": 0, "fov": 30, "orthographic": true}])",
       R"(The view '{"azimuth":0,"fov":30,"orthographic":true,"picture":"a"}' is orthographic and has a field of view.)"},
      {R"([{"picture": "a", "azimuth": 0}, {"picture": "b", "azimuth": 360}])", "The views '"}};
  for (const auto& [content, message] : refusals)
    EXPECT_TRUE(list_refusal(content).starts_with(message)) << list_refusal(content);
  EXPECT_EQ(refusal([&] { expand_views(words({(folder_ / "gone.json").string()})); }).find("was accepted"),
            std::string::npos);
}

}  // namespace
}  // namespace relievo

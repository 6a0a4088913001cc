#include "batch/report.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace relievo {
namespace {

using nlohmann::json;

GenerateResult sample(const Settings& settings = {}) {
  GenerateResult result;
  result.mesh.surface.vertices.resize(9);
  result.mesh.surface.faces.resize(7);
  result.mesh.report.watertight = true;
  result.mesh.report.components = 3;
  result.mesh.report.euler = 6;
  result.mesh.texture_report.charts = 12;
  result.mesh.provenance.settings = to_json(settings);
  result.stages = {
      {.name = "surface", .seconds = 2, .peak_bytes = 5, .device = "cpu", .precision = "bf16", .batch = 4}};
  result.plan = "a plan";
  result.notes = {"Views of 256 pixels."};
  result.lossy = true;
  return result;
}

TEST(Report, SaysWhatWasMadeAndWhatWasDoneForWantOfMemory) {
  const json told = parse_json(report_of("cup.png", sample(), {"out/cup.glb"}));
  EXPECT_EQ(told["picture"], "cup.png");
  EXPECT_EQ(told["ok"], true);
  EXPECT_EQ(told["files"], json::array({"out/cup.glb"}));
  EXPECT_EQ(told["vertices"], 9);
  EXPECT_EQ(told["faces"], 7);
  EXPECT_EQ(told["watertight"], true);
  EXPECT_EQ(told["manifold"], false);
  EXPECT_EQ(told["components"], 3);
  EXPECT_EQ(told["euler"], 6);
  EXPECT_EQ(told["charts"], 12);
  EXPECT_EQ(told["plan"], "a plan");
  EXPECT_EQ(told["notes"], json::array({"Views of 256 pixels."}));
  EXPECT_EQ(told["lossy"], true);
  EXPECT_EQ(told["stages"], json::array({{{"name", "surface"},
                                          {"seconds", 2.0},
                                          {"peak_bytes", 5},
                                          {"device", "cpu"},
                                          {"precision", "bf16"},
                                          {"batch", 4},
                                          {"load_seconds", 0.0},
                                          {"on_side", false},
                                          {"devices", json::array()}}}));
}

TEST(Report, TellsTheSeedWhereSomethingIsRandom) {
  Settings settings;
  settings.seed = 7;
  EXPECT_EQ(parse_json(report_of("cup.png", sample(settings), {}))["seed"], nullptr);
  settings.model = "instant-mesh-large";
  EXPECT_EQ(parse_json(report_of("cup.png", sample(settings), {}))["seed"], 7);
  settings.views = {{.picture = "six.png"}};
  EXPECT_EQ(parse_json(report_of("cup.png", sample(settings), {}))["seed"], nullptr);
}

TEST(Report, TellsWhatTheMeshMeetsWhereSomethingWasRequired) {
  EXPECT_FALSE(parse_json(report_of("cup.png", sample(), {})).contains("met"));
  const std::vector<std::string> met{"watertight"};
  EXPECT_EQ(parse_json(report_of("cup.png", sample(), {}, met))["met"], json::array({"watertight"}));
}

TEST(Report, RefusesAMeshThatDoesNotMeetWhatIsRequired) {
  GenerateResult result;
  result.mesh.surface.vertices = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  result.mesh.surface.faces = {{0, 2, 1}, {0, 1, 3}, {1, 2, 3}, {0, 3, 2}};
  const auto met = require(result, {"watertight", "one-piece"});
  EXPECT_NE(std::find(met.begin(), met.end(), "outward"), met.end());
  result.mesh.surface.faces.pop_back();
  try {
    require(result, {"one-piece", "watertight"});
    ADD_FAILURE() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
    EXPECT_EQ(error.message(), "The mesh does not meet 'watertight' (an edge has not exactly two faces).");
  }
}

TEST(Report, SaysWhyThereIsNoResult) {
  const Error error(ErrorCode::kNoSubject, "No subject.", "Paint a mask.");
  const json expected = {
      {"picture", "cup.png"},
      {"ok", false},
      {"error", {{"code", "no_subject"}, {"message", "No subject."}, {"hint", "Paint a mask."}}}};
  EXPECT_EQ(parse_json(report_of("cup.png", error)), expected);
  EXPECT_EQ(parse_json(report_of("cup.png", error, {"out/cup.glb"}))["files"], json::array({"out/cup.glb"}));
  EXPECT_NE(report_of("c\xffp.png", error).find("c\xef\xbf\xbdp.png"), std::string::npos);
}

}  // namespace
}  // namespace relievo

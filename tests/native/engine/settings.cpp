#include "engine/settings.h"

#include <limits>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace relievo {
namespace {

using nlohmann::json;

ErrorCode refusal(const auto& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "was accepted";
  return ErrorCode::kInternal;
}

TEST(Settings, DefaultsAreValid) { EXPECT_NO_THROW(validate({})); }

TEST(Settings, JsonRoundTripKeepsEveryField) {
  Settings settings;
  settings.model = "other";
  settings.mask = MaskKind::kFile;
  settings.mask_file = "mask \"1\".png";
  settings.mask_threshold = 0.25f;
  settings.mask_invert = true;
  settings.grid = 96;
  settings.depth = 0.5f;
  settings.faces = 5000;
  settings.debris = 0.25f;
  settings.open_at_box = true;
  settings.texture_size = 2048;
  settings.views = {"a.png"};
  settings.view_count = 4;
  settings.seed = 7;
  settings.steps = 20;
  settings.sampler = "unipc";
  settings.guidance = 3.5f;
  settings.input_size = 256;
  settings.precision = "multiview=bf16";
  settings.projection = "off";
  settings.normal_map = true;
  settings.vertex_colours = true;
  const json first = json::parse(to_json(settings));
  EXPECT_EQ(to_json(settings_from_json(first.dump())), first.dump());
  // No field kept its default, so none can be missing from either direction.
  const auto changed = first.get<std::map<std::string, json>>();
  const auto defaults = json::parse(to_json(Settings())).get<std::map<std::string, json>>();
  for (const auto& [name, value] : defaults) EXPECT_NE(changed.at(name).dump(), value.dump()) << name;
}

TEST(Settings, MissingFieldsKeepTheirDefaults) {
  EXPECT_EQ(to_json(settings_from_json("{}")), to_json(Settings()));
  EXPECT_EQ(settings_from_json(R"({"grid": 64})").grid, 64);
}

TEST(Settings, OutOfRangeIsRefused) {
  for (const char* text : {R"({"grid": 7})",
                           R"({"grid": 513})",
                           R"({"depth": 0})",
                           R"({"depth": 4.1})",
                           R"({"faces": -1})",
                           R"({"faces": 99})",
                           R"({"mask_threshold": 0})",
                           R"({"mask_threshold": 1})",
                           R"({"texture_size": 63})",
                           R"({"texture_size": 8193})",
                           R"({"view_count": 3})",
                           R"({"view_count": 5})",
                           R"({"seed": -1})",
                           R"({"steps": 0})",
                           R"({"sampler": "ddim"})",
                           R"({"guidance": 0.5})",
                           R"({"input_size": 328})",
                           R"({"input_size": 528})",
                           R"({"precision": "int8"})",
                           R"({"precision": "multiview=fp64"})",
                           R"({"precision": "surface=fp32"})",
                           R"({"precision": "multiview=fp32,bf16x"})",
                           R"({"projection": "yes"})",
                           R"({"views": ["a", "b"]})",
                           R"({"mask": "file"})",
                           R"({"mask_file": "a.png"})"}) {
    EXPECT_EQ(refusal([&] { validate(settings_from_json(text)); }), ErrorCode::kInvalidSettings) << text;
  }
  Settings settings;
  settings.depth = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(refusal([&] { validate(settings); }), ErrorCode::kInvalidSettings);
}

TEST(Settings, PrecisionIsForAllStagesOrByStage) {
  EXPECT_EQ(stage_precision("auto", "multiview"), "auto");
  EXPECT_EQ(stage_precision("bf16", "reconstruct"), "bf16");
  const char* mixed = "multiview=bf16,reconstruct=fp32";
  EXPECT_EQ(stage_precision(mixed, "multiview"), "bf16");
  EXPECT_EQ(stage_precision(mixed, "reconstruct"), "fp32");
  EXPECT_EQ(stage_precision(mixed, "foreground"), "auto");
}

TEST(Settings, WrongTypesAndUnknownNamesAreRefused) {
  for (const char* text : {"", "[]", "3", "{", R"({"grid": "64"})", R"({"grid": 64.5})", R"({"grid": 1e30})",
                           R"({"grid": 99999999999})", R"({"depth": true})", R"({"mask_invert": 1})",
                           R"({"mask": "magic"})", R"({"mask": 1})", R"({"model": 1})", R"({"fases": 1})"}) {
    EXPECT_EQ(refusal([&] { settings_from_json(text); }), ErrorCode::kInvalidSettings) << text;
  }
}

}  // namespace
}  // namespace relievo

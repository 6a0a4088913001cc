#include "engine/settings.h"

#include <limits>
#include <map>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace relievo {
namespace {

using nlohmann::json;

using Refusal = std::pair<std::string, std::string>;  // message and hint

Refusal refusal(const auto& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
    return {error.message(), error.hint()};
  }
  ADD_FAILURE() << "was accepted";
  return {};
}

TEST(Settings, DefaultsAreValid) { EXPECT_NO_THROW(validate({})); }

TEST(Settings, JsonRoundTripKeepsEveryField) {
  Settings settings;
  settings.model = "other";
  settings.mask = MaskKind::kFile;
  settings.mask_file = "mask \"1\".png";
  settings.mask_threshold = 0.25f;
  settings.mask_invert = true;
  settings.subject = 2;
  settings.grid = 96;
  settings.shape = "extrude";
  settings.depth = 0.5f;
  settings.faces = 5000;
  settings.debris = 0.25f;
  settings.open_at_box = true;
  settings.texture_size = 2048;
  settings.views = {{.picture = "a.png"}};
  settings.sheet = "front,back";
  settings.back = "fill";
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
  const std::map<std::string, Refusal> refusals{
      {R"({"grid": 7})", {"Invalid grid '7'.", "Use 8 to 512."}},
      {R"({"grid": 513})", {"Invalid grid '513'.", "Use 8 to 512."}},
      {R"({"depth": 0})", {"Invalid depth '0'.", "Use 0.05 to 4."}},
      {R"({"depth": 4.1})", {"Invalid depth '4.1'.", "Use 0.05 to 4."}},
      {R"({"faces": -1})", {"Invalid faces '-1'.", "Use 0 to 5000000."}},
      {R"({"faces": 99})", {"Invalid faces '99'.", "Use 100 or more, or 0 for all."}},
      {R"({"mask_threshold": 0})", {"Invalid mask_threshold '0'.", "Use 0.01 to 0.99."}},
      {R"({"mask_threshold": 1})", {"Invalid mask_threshold '1'.", "Use 0.01 to 0.99."}},
      {R"({"texture_size": 63})", {"Invalid texture_size '63'.", "Use 64 to 8192."}},
      {R"({"texture_size": 8193})", {"Invalid texture_size '8193'.", "Use 64 to 8192."}},
      {R"({"view_count": 3})", {"Invalid view_count '3'.", "Use 4 to 6."}},
      {R"({"view_count": 5})", {"Invalid view_count '5'.", "Use 4 or 6."}},
      {R"({"seed": -1})", {"Invalid seed '-1'.", "Use 0 to 2147483647."}},
      {R"({"steps": 0})", {"Invalid steps '0'.", "Use 1 to 1000."}},
      {R"({"sampler": "ddim"})", {"Unknown sampler 'ddim'.", "Use euler-ancestral, dpm-solver++ or unipc."}},
      {R"({"guidance": 0.5})", {"Invalid guidance '0.5'.", "Use 1 to 30."}},
      {R"({"input_size": 328})", {"Invalid input_size '328'.", "Use a multiple of 16."}},
      {R"({"input_size": 528})", {"Invalid input_size '528'.", "Use 64 to 512."}},
      {R"({"precision": "int8"})",
       {"Unknown precision 'int8'.",
        "Use auto, fp32, bf16 or fp16, or one a stage: multiview=bf16,reconstruct=fp32."}},
      {R"({"precision": "multiview=fp64"})",
       {"Unknown precision 'fp64'.",
        "Use auto, fp32, bf16 or fp16, or one a stage: multiview=bf16,reconstruct=fp32."}},
      {R"({"precision": "surface=fp32"})",
       {"Unknown stage 'surface'.", "Use foreground, multiview or reconstruct."}},
      {R"({"precision": "multiview=fp32,bf16x"})",
       {"Unknown precision 'bf16x'.",
        "Use auto, fp32, bf16 or fp16, or one a stage: multiview=bf16,reconstruct=fp32."}},
      {R"({"precision": "foreground=bf16"})",
       {"Invalid precision 'foreground=bf16'.",
        "The foreground is found in fp32 only. Use foreground=fp32, or leave it out."}},
      {R"({"projection": "yes"})", {"Unknown projection 'yes'.", "Use auto, on or off."}},
      {R"({"views": ["a", "b"]})",
       {"The view 'a' has no camera.",
        "Name its picture like cup_az030_el20.png, list it with its azimuth and elevation, or give one "
        "picture "
        "of 3 rows x 2 columns or six pictures at the published cameras."}},
      {R"({"mask": "file"})",
       {"The mask 'file' has no mask_file.", "Name the mask's file, or use the mask auto or alpha."}},
      {R"({"mask_file": "a.png"})",
       {"Invalid mask 'auto'.", "Use the mask 'file' with a mask_file, or leave mask_file out."}}};
  for (const auto& [text, expected] : refusals) {
    EXPECT_EQ(refusal([&] { validate(settings_from_json(text)); }), expected) << text;
  }
  Settings settings;
  settings.depth = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(refusal([&] { validate(settings); }), (Refusal{"Invalid depth 'nan'.", "Use 0.05 to 4."}));
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
  const std::map<std::string, Refusal> refusals{
      {R"({"grid": "64"})", {"Invalid grid '\"64\"'.", "Use a whole number."}},
      {R"({"grid": 64.5})", {"Invalid grid '64.5'.", "Use a whole number."}},
      {R"({"grid": 1e30})", {"Invalid grid '1e+30'.", "Use a whole number."}},
      {R"({"grid": 99999999999})", {"Invalid grid '99999999999'.", "Use -2147483648 to 2147483647."}},
      {R"({"depth": true})", {"Invalid depth 'true'.", "Use a number."}},
      {R"({"mask_invert": 1})", {"Invalid mask_invert '1'.", "Use true or false."}},
      {R"({"mask": "magic"})", {"Unknown mask 'magic'.", "Use auto, alpha or file."}},
      {R"({"mask": 1})", {"Invalid mask '1'.", "Use a text."}},
      {R"({"model": 1})", {"Invalid model '1'.", "Use a text."}},
      {R"({"views": "a"})", {"Invalid views '\"a\"'.", "Use a list of paths, or of objects with a picture."}},
      {R"({"model": [")" + std::string(100, 'a') + R"("]})",
       {"Invalid model '[\"" + std::string(58, 'a') + "...'.", "Use a text."}},
  };
  for (const auto& [text, expected] : refusals) {
    EXPECT_EQ(refusal([&] { settings_from_json(text); }), expected) << text;
  }
  const auto [message, hint] = refusal([] { settings_from_json(R"({"fases": 1})"); });
  EXPECT_EQ(message, "Unknown setting 'fases'.");
  EXPECT_NE(hint.find("depth, faces, grid"), std::string::npos) << hint;
  for (const char* text : {"", "[]", "3", "{"}) {
    const auto [what, remedy] = refusal([&] { settings_from_json(text); });
    EXPECT_TRUE(what.starts_with("The settings cannot be read: it is not ")) << what;
    EXPECT_EQ(remedy, "Give a JSON object with a value for each setting.");
  }
}

}  // namespace
}  // namespace relievo

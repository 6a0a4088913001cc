// Views of one's own on their way to the reconstruction, with their cameras.
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/own_views.h"
#include "files/pictures.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

std::vector<OwnView> words(const std::vector<std::string>& pictures) {
  std::vector<OwnView> views;
  for (const std::string& picture : pictures) views.push_back({.picture = picture});
  return views;
}

class OwnViews : public testing::Test {
 protected:
  OwnViews() : folder_(fs::path(testing::TempDir()) / ("own-views-made-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~OwnViews() override { fs::remove_all(folder_); }

  WithTinyModels models_;
  const fs::path folder_;
};

/// A square of `side` pixels with a disc of one colour on nothing, `share` of the side across.
ByteImage disc(int side, double share, const std::array<uint8_t, 3>& colour) {
  ByteImage picture(side, side, 4);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const bool is_in = std::hypot(x + 0.5 - side / 2.0, y + 0.5 - side / 2.0) < share * side / 2;
      if (!is_in) continue;
      std::copy(colour.begin(), colour.end(), picture.pixel(x, y));
      picture.pixel(x, y)[3] = 255;
    }
  }
  return picture;
}

/// A request for views alone.
GenerateRequest request_of(std::vector<OwnView> views) {
  GenerateRequest request = tiny_request();
  request.image = {};
  request.name.clear();
  request.settings.views = std::move(views);
  return request;
}

std::shared_ptr<const GenerateResult> made(Engine& engine, GenerateRequest request) {
  const Job job = engine.submit(std::move(request));
  EXPECT_TRUE(job.wait(120));
  EXPECT_FALSE(job.error()) << job.error()->what();
  return job.result();
}

TEST_F(OwnViews, AreFramedAlikeAndShown) {
  // The larger disc takes 0.5 of its picture, so that all are enlarged by 0.85 / 0.5.
  const std::array<std::array<uint8_t, 3>, 3> colours{{{200, 30, 30}, {30, 200, 30}, {30, 30, 200}}};
  std::vector<OwnView> views;
  for (int v = 0; v < 3; ++v) {
    const fs::path file = folder_ / ("cup_az" + std::to_string(100 * v) + "_el10.png");
    write_picture(file, from_bytes(disc(128, v == 1 ? 0.5 : 0.3, colours[v])));
    views.push_back({.picture = file.string()});
  }
  Engine engine(tiny_options());
  const Job job = engine.submit(request_of(views));
  ASSERT_TRUE(job.wait(120));
  ASSERT_FALSE(job.error()) << job.error()->what();
  EXPECT_EQ(job.name(), "cup_az0_el10");
  const auto previews = job.previews();
  const auto shown =
      std::ranges::find_if(previews, [](const auto& preview) { return preview->name == "views"; });
  ASSERT_NE(shown, previews.end());
  const ByteImage& picture = (*shown)->picture;
  ASSERT_EQ(picture.width, picture.height);  // two rows of two
  const int half = picture.width / 2;
  for (int v = 0; v < 4; ++v) {
    int coloured = 0;
    for (int x = 0; x < half; ++x) {
      const uint8_t* pixel = picture.pixel(v % 2 * half + x, v / 2 * half + half / 2);
      if (std::min({pixel[0], pixel[1], pixel[2]}) < 140) ++coloured;
    }
    const double expected = v == 3 ? 0 : v == 1 ? 0.85 : 0.85 * 0.3 / 0.5;
    EXPECT_NEAR(static_cast<double>(coloured) / half, expected, 0.03) << v;
    if (v == 3) continue;
    const uint8_t* middle = picture.pixel(v % 2 * half + half / 2, v / 2 * half + half / 2);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(middle[c], colours[v][c], 3);
  }
}

TEST_F(OwnViews, AtThePublishedCamerasGiveWhatAGridGives) {
  constexpr int kSide = 64;
  ByteImage grid(2 * kSide, 3 * kSide, 3, 255);
  std::vector<OwnView> views;
  for (int v = 0; v < 6; ++v) {
    const ByteImage view = disc(kSide, 0.85, {static_cast<uint8_t>(40 * v), 60, 150});
    const std::string angles = std::to_string(30 + 60 * v) + (v % 2 == 0 ? "_el20" : "_el-10");
    const fs::path file = folder_ / ("az" + angles + ".png");
    write_picture(file, from_bytes(view));
    views.push_back({.picture = file.string()});
    for (int y = 0; y < kSide; ++y) {
      for (int x = 0; x < kSide; ++x) {
        if (view.pixel(x, y)[3] > 0)
          std::copy_n(view.pixel(x, y), 3, grid.pixel(v % 2 * kSide + x, v / 2 * kSide + y));
      }
    }
  }
  write_picture(folder_ / "grid.png", from_bytes(grid));
  const auto surface_of = [](std::vector<OwnView> given) {
    TinyPipeline pipeline(1, Strategy::kSingle, Until::kSurface, false, kTinyModel, true);
    GenerateRequest request = tiny_request();
    request.settings.views = expand_views(given);
    const std::vector<TinyPicture> pictures{TinyPicture{request}};
    return pipeline.make(pictures).front().surface->vertices;
  };
  const auto difference = [](const std::vector<Float3>& a, const std::vector<Float3>& b) {
    if (a.size() != b.size()) return 1.0;
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      for (int k = 0; k < 3; ++k) most = std::max(most, std::abs(double{a[i][k]} - b[i][k]));
    }
    return most;
  };
  const auto of_grid = surface_of(words({(folder_ / "grid.png").string()}));
  const double same = difference(surface_of(views), of_grid);
  std::vector<OwnView> turned = expand_views(views);
  for (OwnView& view : turned) *view.azimuth -= 60;
  const double moved = difference(surface_of(turned), of_grid);
  EXPECT_LT(same, 0.25 * moved) << same << " " << moved;
  EXPECT_GT(moved, 0);
}

TEST_F(OwnViews, ThatAreMissingOrEmptyFailByTheirName) {
  Engine engine(tiny_options());
  const std::string nothing = (folder_ / "nothing_az30.png").string();
  write_picture(folder_ / "sound_az0.png", from_bytes(disc(64, 0.8, {200, 30, 30})));
  write_picture(nothing, from_bytes(ByteImage(64, 64, 4)));
  for (const std::string& bad : {nothing, (folder_ / "gone_az30.png").string()}) {
    const Job job = engine.submit(request_of(words({(folder_ / "sound_az0.png").string(), bad})));
    ASSERT_TRUE(job.wait(120));
    ASSERT_TRUE(job.error());
    EXPECT_NE(job.error()->message().find("'" + bad + "'"), std::string::npos) << job.error()->message();
    EXPECT_FALSE(job.error()->hint().empty());
  }
}

TEST_F(OwnViews, TellWhatTheModelHasNotSeen) {
  write_picture(folder_ / "top_az0_el80.png", from_bytes(disc(64, 0.8, {200, 30, 30})));
  write_picture(folder_ / "cut_az40_ortho.png", from_bytes(disc(64, 1.1, {200, 30, 30})));
  Engine engine(tiny_options());
  GenerateRequest request = request_of(words({folder_.string()}));
  request.settings.projection = "on";
  const auto result = made(engine, std::move(request));
  ASSERT_TRUE(result);
  const std::string notes = fmt::format("{}", fmt::join(result->notes, "\n"));
  EXPECT_NE(notes.find("'top_az0_el80.png'"), std::string::npos) << notes;
  EXPECT_NE(notes.find("reaches the border of the view 'cut_az40_ortho.png'"), std::string::npos) << notes;
}

}  // namespace
}  // namespace relievo

// What a person sees of a job on its way: the pictures of a model with views, the time left; and that what is
// asked of the surface reaches it.
#include <cmath>
#include <filesystem>

#include "files/pictures.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

class Watching : public testing::Test {
 protected:
  WithTinyModels models_;
};

std::vector<std::string> names_of(const Job& job) {
  std::vector<std::string> names;
  for (const auto& preview : job.previews()) names.push_back(preview->name);
  return names;
}

TEST_F(Watching, TheSixViewsAreShownBetweenTheCutOutAndTheObject) {
  Engine engine(tiny_options());
  const Job job = engine.submit(tiny_request());
  ASSERT_TRUE(job.wait(120));
  ASSERT_FALSE(job.error()) << job.error()->what();
  EXPECT_EQ(names_of(job), (std::vector<std::string>{"foreground", "views", "shaded"}));
  const ByteImage& views = job.previews()[1]->picture;
  EXPECT_EQ(views.width * 3, views.height * 2);
}

TEST_F(Watching, ViewsStandInThreeRowsOfTwoAsTheyWereGiven) {
  constexpr int kSide = 64;
  ByteImage grid(2 * kSide, 3 * kSide, 3);
  const auto colour = [](int view, int channel) {
    return static_cast<uint8_t>(40 * view + 15 * channel + 10);
  };
  for (int y = 0; y < grid.height; ++y) {
    for (int x = 0; x < grid.width; ++x) {
      for (int c = 0; c < 3; ++c) grid.pixel(x, y)[c] = colour(y / kSide * 2 + x / kSide, c);
    }
  }
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "watched-views.png";
  write_picture(file, from_bytes(grid));
  GenerateRequest request = tiny_request();
  request.settings.views = {{.picture = file.string()}};
  Engine engine(tiny_options());
  const Job job = engine.submit(std::move(request));
  ASSERT_TRUE(job.wait(120));
  ASSERT_FALSE(job.error()) << job.error()->what();
  const auto previews = job.previews();
  const auto shown =
      std::ranges::find_if(previews, [](const auto& preview) { return preview->name == "views"; });
  ASSERT_NE(shown, previews.end());
  const ByteImage& picture = (*shown)->picture;
  for (int view = 0; view < 6; ++view) {
    const uint8_t* middle =
        picture.pixel(picture.width * (2 * (view % 2) + 1) / 4, picture.height * (2 * (view / 2) + 1) / 6);
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(middle[c], colour(view, c), 2) << view;
  }
}

TEST_F(Watching, TheTimeLeftIsToldOnceThereIsSomethingToGoBy) {
  Engine engine(tiny_options());
  GenerateRequest request = tiny_request();
  request.settings.steps = 20;
  const Job job = engine.submit(std::move(request));
  EXPECT_LT(job.status().seconds_left, 0);
  int told = 0;
  while (!job.wait(0.002)) {
    const JobStatus status = job.status();
    if (status.state != JobState::kRunning) continue;
    if (status.fraction < 0.05) {
      EXPECT_LT(status.seconds_left, 0);
    } else if (status.fraction < 1) {
      ++told;
      // The rest is estimated to take as long, in proportion, as what is done.
      EXPECT_NEAR((status.seconds + status.seconds_left) * status.fraction, status.seconds,
                  1e-6 + 1e-6 * status.seconds);
    }
  }
  EXPECT_GT(told, 3);
  EXPECT_EQ(job.status().seconds_left, 0);
}

TEST_F(Watching, AShapeThatReachesTheBoxStaysOpenOnlyWhereAsked) {
  class Everywhere : public TriplaneMeshField {  // a beam along x, through both ends of the box
   public:
    using TriplaneMeshField::TriplaneMeshField;
    at::Tensor values(const at::Tensor& points) const override {
      return points.slice(-1, 1, 3).square().sum(-1).sqrt() - 0.5;
    }
    std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t) const override {
      return on_grid_by_points(line);
    }
  };
  make_mesh_field() = [](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
    return std::make_shared<Everywhere>(std::move(planes), std::move(heads));
  };
  Engine engine(tiny_options());
  for (const bool is_open : {false, true}) {
    GenerateRequest request = tiny_request();
    request.settings.open_at_box = is_open;
    const Job job = engine.submit(std::move(request));
    ASSERT_TRUE(job.wait(120));
    ASSERT_FALSE(job.error()) << job.error()->what();
    EXPECT_EQ(job.result()->mesh.report.watertight, !is_open);
  }
}

}  // namespace
}  // namespace relievo

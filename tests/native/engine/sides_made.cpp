// The model `preview` from pictures of several sides, as files and as a sheet.
#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"
#include "base/side.h"
#include "engine/engine.h"
#include "files/pictures.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;

constexpr Float3 kRed{0.9f, 0.1f, 0.1f}, kGreen{0.1f, 0.8f, 0.1f}, kBlue{0.1f, 0.2f, 0.9f};

/// A rectangle of one colour in the middle of a clear picture.
void draw(Image& picture, int left, int top, int width, int height, const Float3& colour) {
  for (int y = top; y < top + height; ++y) {
    for (int x = left; x < left + width; ++x) {
      std::copy_n(colour.data(), 3, picture.pixel(x, y));
      picture.pixel(x, y)[3] = 1;
    }
  }
}

/// An object 40 wide, 80 deep and 60 high: red in front, green on its right, blue behind.
class Sides : public testing::Test {
 protected:
  Sides() : folder_(fs::path(testing::TempDir()) / ("sides-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    write("front.png", 40, 60, kRed);
    write("right.png", 80, 60, kGreen);
    write("back.png", 40, 60, kBlue);
    Image sheet(300, 100, 4, 0);
    draw(sheet, 20, 20, 40, 60, kRed);
    draw(sheet, 100, 20, 80, 60, kGreen);
    draw(sheet, 220, 20, 40, 60, kBlue);
    write_picture(folder_ / "sheet.png", sheet);
  }
  ~Sides() override { fs::remove_all(folder_); }

  void write(const std::string& name, int width, int height, const Float3& colour) const {
    Image picture(100, 100, 4, 0);
    draw(picture, 50 - width / 2, 50 - height / 2, width, height, colour);
    write_picture(folder_ / name, picture);
  }

  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  GenerateRequest request_of(const std::vector<Side>& sides) const {
    GenerateRequest request;
    request.picture = folder_ / "front.png";
    request.settings.grid = 48;
    request.settings.texture_size = 256;
    request.settings.vertex_colours = true;
    for (const Side side : sides)
      request.settings.views.push_back(view_from(side, file(std::string(side_name(side)) + ".png")));
    return request;
  }

  static std::shared_ptr<const GenerateResult> made(const GenerateRequest& request) {
    Engine engine;
    const Job job = engine.submit(request);
    EXPECT_TRUE(job.wait(120));
    EXPECT_FALSE(job.error()) << job.error()->message();
    return job.result();
  }

  const fs::path folder_;
};

/// The extents along the scene's axes.
Float3 size_of(const TexturedMesh& mesh) {
  Float3 low{9, 9, 9}, high{-9, -9, -9};
  for (const Float3& v : mesh.surface.vertices) {
    for (size_t i = 0; i < 3; ++i) low[i] = std::min(low[i], v[i]), high[i] = std::max(high[i], v[i]);
  }
  return {high[0] - low[0], high[1] - low[1], high[2] - low[2]};
}

Float3 colour_towards(const TexturedMesh& mesh, const Float3& direction) {
  const auto found = std::ranges::max_element(mesh.surface.vertices, {}, [&](const Float3& v) {
    // The middle of the height, away from top and bottom.
    return v[0] * direction[0] + v[1] * direction[1] - 2 * std::abs(v[2]);
  });
  return mesh.vertex_colours[static_cast<size_t>(found - mesh.surface.vertices.begin())];
}

void expect_coloured(const TexturedMesh& mesh) {
  const auto near = [](const Float3& a, const Float3& b) {
    for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(a[c], b[c], 0.08f) << c;
  };
  near(colour_towards(mesh, {0, -1, 0}), kRed);
  near(colour_towards(mesh, {1, 0, 0}), kGreen);
  near(colour_towards(mesh, {-1, 0, 0}), kGreen);  // the mirror image of the right
  near(colour_towards(mesh, {0, 1, 0}), kBlue);
}

TEST_F(Sides, GiveTheObjectItsDepthAndEachSideItsColour) {
  const auto result = made(request_of({Side::kRight, Side::kBack}));
  const Float3 size = size_of(result->mesh);
  EXPECT_NEAR(size[0] / size[1], 0.5f, 0.02f);
  EXPECT_NEAR(size[2] / size[1], 0.75f, 0.02f);
  EXPECT_NEAR(size[1], 1.7f, 0.03f);
  EXPECT_TRUE(result->mesh.report.watertight);
  EXPECT_TRUE(result->mesh.report.manifold);
  EXPECT_EQ(result->mesh.report.components, 1);
  expect_coloured(result->mesh);
}

/// Whether places of a plane are covered by the mesh, seen along an axis of the scene: 1 from the front.
class SeenAlong {
 public:
  SeenAlong(const TexturedMesh& mesh, size_t axis) : across_(axis == 0 ? 1 : 0) {
    low_ = {9, 9}, high_ = {-9, -9};
    std::vector<Float2> places;
    for (const Float3& v : mesh.surface.vertices) {
      places.push_back({v[across_], v[2]});
      for (size_t i = 0; i < 2; ++i) {
        low_[i] = std::min(low_[i], places.back()[i]);
        high_[i] = std::max(high_[i], places.back()[i]);
      }
    }
    for (const Int3& face : mesh.surface.faces) fill(places[face[0]], places[face[1]], places[face[2]]);
  }

  static constexpr int kSide = 600;
  bool is_covered(int x, int y) const { return covered_[static_cast<size_t>(y) * kSide + x]; }

 private:
  void fill(const Float2& a, const Float2& b, const Float2& c) {
    const auto pixel = [&](const Float2& p) {
      return Float2{(p[0] - low_[0]) / (high_[0] - low_[0]) * kSide,
                    (high_[1] - p[1]) / (high_[1] - low_[1]) * kSide};
    };
    const Float2 p = pixel(a), q = pixel(b), r = pixel(c);
    const auto first = [](float v) { return std::max(static_cast<int>(std::floor(v)), 0); };
    const auto last = [](float v) { return std::min(static_cast<int>(std::ceil(v)), kSide); };
    const auto turn = [](const Float2& from, const Float2& to, float x, float y) {
      return (to[0] - from[0]) * (y - from[1]) - (to[1] - from[1]) * (x - from[0]);
    };
    for (int y = first(std::min({p[1], q[1], r[1]})); y < last(std::max({p[1], q[1], r[1]})); ++y) {
      for (int x = first(std::min({p[0], q[0], r[0]})); x < last(std::max({p[0], q[0], r[0]})); ++x) {
        const float u = static_cast<float>(x) + 0.5f, v = static_cast<float>(y) + 0.5f;
        const float one = turn(p, q, u, v), two = turn(q, r, u, v), three = turn(r, p, u, v);
        const bool is_inside = (one >= 0 && two >= 0 && three >= 0) || (one <= 0 && two <= 0 && three <= 0);
        if (is_inside) covered_[static_cast<size_t>(y) * kSide + x] = true;
      }
    }
  }

  size_t across_;
  Float2 low_, high_;
  std::vector<bool> covered_ = std::vector<bool>(size_t{kSide} * kSide);
};

TEST_F(Sides, BringThinPartsNearerToTheirOutlinesThanTheGridDoes) {
  // A rack of posts and shelves; the pictures show 300 pixels of it, and a cube of the grid is 8 of them.
  // Bars of two cubes, which are meshed, would share 69 % with those of 10 pixels; the corners of bars that
  // are little wider than a cube keep the mesh from sharing all.
  constexpr int kSubject = 300, kBar = 10;
  const auto bars = [](int x, int y) {
    const auto is_bar = [](int at) { return at % 58 < kBar; };  // 0, 58, ... 290: six of them
    return is_bar(x) || is_bar(y);
  };
  Image rack(400, 400, 4, 0);
  for (int y = 0; y < kSubject; ++y) {
    for (int x = 0; x < kSubject; ++x) {
      if (bars(x, y)) draw(rack, 50 + x, 50 + y, 1, 1, kRed);
    }
  }
  write_picture(folder_ / "front.png", rack);
  write_picture(folder_ / "right.png", rack);
  const auto result = made(request_of({Side::kRight}));
  for (const size_t axis : {size_t{1}, size_t{0}}) {
    const SeenAlong seen(result->mesh, axis);
    int both = 0, either = 0;
    for (int y = 0; y < SeenAlong::kSide; ++y) {
      for (int x = 0; x < SeenAlong::kSide; ++x) {
        const bool is_wanted = bars(x * kSubject / SeenAlong::kSide, y * kSubject / SeenAlong::kSide);
        both += is_wanted && seen.is_covered(x, y);
        either += is_wanted || seen.is_covered(x, y);
      }
    }
    EXPECT_GT(static_cast<double>(both) / either, 0.77) << axis;
  }
  EXPECT_TRUE(result->mesh.report.watertight);
  EXPECT_EQ(result->mesh.report.components, 1);
}

TEST_F(Sides, OfASheetAreThoseOfItsFigures) {
  GenerateRequest request = request_of({});
  request.picture = folder_ / "sheet.png";
  request.settings.sheet = "front,right,back";
  const auto of_sheet = made(request), of_files = made(request_of({Side::kRight, Side::kBack}));
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(size_of(of_sheet->mesh)[i], size_of(of_files->mesh)[i], 0.02f);
  expect_coloured(of_sheet->mesh);
  // The crop is the front's, in pixels of the sheet.
  EXPECT_NEAR(of_sheet->crop.x + of_sheet->crop.side / 2.0, 40, 1);
}

TEST_F(Sides, MayAllBeViews) {
  GenerateRequest request = request_of({Side::kFront, Side::kRight});
  request.picture.clear();
  const auto result = made(request);
  EXPECT_EQ(result->name, "front");
  EXPECT_NEAR(size_of(result->mesh)[0] / size_of(result->mesh)[1], 0.5f, 0.02f);
}

TEST_F(Sides, AreShownBeforeTheObjectIs) {
  GenerateRequest request = request_of({});
  request.picture = folder_ / "sheet.png";
  request.settings.sheet = "front,right,back";
  request.only_foreground = true;
  Engine engine;
  const Job job = engine.submit(request);
  ASSERT_TRUE(job.wait(120));
  const auto previews = job.previews();
  ASSERT_EQ(previews.size(), 1);
  EXPECT_EQ(previews[0]->name, "foreground");
  EXPECT_NEAR(previews[0]->picture.width, 3 * previews[0]->picture.height, 3);
}

TEST_F(Sides, OfAFrontAndABackHaveTheShapeOfTheFront) {
  const auto both = made(request_of({Side::kBack})), alone = made(request_of({}));
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(size_of(both->mesh)[i], size_of(alone->mesh)[i], 0.02f) << i;
  EXPECT_NEAR(colour_towards(both->mesh, {0, 1, 0})[2], kBlue[2], 0.08f);
  EXPECT_NEAR(colour_towards(alone->mesh, {0, 1, 0})[0], kRed[0], 0.08f);
}

TEST_F(Sides, TellWhatDoesNotFitTogether) {
  write("right.png", 80, 30, kGreen);
  const auto result = made(request_of({Side::kRight}));
  EXPECT_THAT(result->notes,
              Contains(HasSubstr("The subject is 30 pixels high in 'right.png' and 60 in 'front.png'")));
}

TEST_F(Sides, AreRefusedWhereTheyCannotBeMeant) {
  Engine engine;
  const auto refused = [&](const char* said, GenerateRequest request) {
    expect_error(ErrorCode::kInvalidSettings, said, [&] { engine.submit(std::move(request)); });
  };
  GenerateRequest slanted = request_of({});
  slanted.settings.views = {{.picture = file("right.png"), .azimuth = 30}};
  refused("The model 'preview' takes pictures of sides", slanted);
  refused("The front is given twice", [&] {
    GenerateRequest twice = request_of({Side::kFront});
    twice.picture = folder_ / "back.png";
    return twice;
  }());
  GenerateRequest headless = request_of({Side::kRight});
  headless.picture.clear();
  refused("The views show neither the front nor the back.", headless);
  GenerateRequest both = request_of({Side::kRight});
  both.settings.sheet = "front,right";
  refused("A sheet and views are given.", both);
  GenerateRequest blind = request_of({});
  blind.settings.sheet = "right,left";
  refused("Invalid sheet 'right,left'.", blind);
  GenerateRequest other = request_of({});
  other.settings.model = "triposr";
  other.settings.sheet = "front,right";
  refused("The model 'triposr' takes no views.", other);
}

TEST_F(Sides, OfASheetWithOneFigureFailByItsNumber) {
  GenerateRequest request = request_of({});
  request.settings.sheet = "front,right";
  Engine engine;
  const Job job = engine.submit(request);
  ASSERT_TRUE(job.wait(120));
  ASSERT_TRUE(job.error());
  EXPECT_EQ(job.error()->code(), ErrorCode::kNoSubject);
  EXPECT_THAT(job.error()->message(), HasSubstr("The sheet shows 1 figure, and 2 sides are named."));
}

}  // namespace
}  // namespace relievo

#include "texture/atlas.h"

#include <ctime>
#include <limits>
#include <set>

#include "base/parallel.h"
#include "shapes.h"
#include "texture/parts.h"

namespace relievo {
namespace {

/// One atlas for the tests that only look at it.
const Surface& bumpy() {
  static const Surface surface = bumpy_ball(48);
  return surface;
}
const Atlas& bumpy_atlas() {
  static const Atlas atlas = unwrap(bumpy(), {}, {});
  return atlas;
}

/// The number of faces that lie over each texel centre, `[size, size]`.
std::vector<int> depth_of(const std::vector<std::array<Float2, 3>>& corner_uv, int size) {
  std::vector<int> depth(static_cast<size_t>(size) * size, 0);
  for (const auto& c : corner_uv) {
    const double area = uv_area(c);
    if (area == 0) continue;
    const auto [left, right] = std::minmax({c[0][0], c[1][0], c[2][0]});
    const auto [low, high] = std::minmax({c[0][1], c[1][1], c[2][1]});
    for (int y = std::max(static_cast<int>(low * size) - 1, 0); y < std::min<int>(high * size + 1, size);
         ++y) {
      for (int x = std::max(static_cast<int>(left * size) - 1, 0); x < std::min<int>(right * size + 1, size);
           ++x) {
        const double u = (x + 0.5) / size, v = (y + 0.5) / size;
        bool inside = true;
        for (int i = 0; i < 3; ++i) {
          const Float2 &a = c[i], &b = c[(i + 1) % 3];
          const double side = (double{b[0]} - a[0]) * (v - a[1]) - (double{b[1]} - a[1]) * (u - a[0]);
          // Strictly, so that edges do not count twice.
          inside &= side * area > 1e-12;
        }
        depth[static_cast<size_t>(y) * size + x] += inside;
      }
    }
  }
  return depth;
}

TEST(Atlas, LaysNoFaceOverAnother) {
  const std::vector<int> depth = depth_of(bumpy_atlas().corner_uv, 1024);
  EXPECT_EQ(*std::ranges::max_element(depth), 1);
}

TEST(Atlas, CoversSixtyPerCent) {
  const std::vector<int> depth = depth_of(bumpy_atlas().corner_uv, 512);
  const double covered =
      static_cast<double>(std::ranges::count_if(depth, [](int d) { return d > 0; })) / 512 / 512;
  EXPECT_GE(covered, 0.6);
  EXPECT_NEAR(bumpy_atlas().report.coverage, covered, 0.01);
}

TEST(Atlas, HasFewCharts) {
  const Atlas& atlas = bumpy_atlas();
  const std::set<int32_t> charts(atlas.chart_of_face.begin(), atlas.chart_of_face.end());
  EXPECT_EQ(static_cast<int>(charts.size()) - static_cast<int>(charts.count(-1)), atlas.report.charts);
  EXPECT_LT(atlas.report.charts, 150);  // of 9,216 faces
}

TEST(Atlas, KeepsWhatFacesOfAChartShare) {
  // An edge between two faces of one chart is one edge in the texture too.
  const Atlas& atlas = bumpy_atlas();
  const std::vector<Int3> neighbours = neighbours_of(bumpy().faces);
  int seams = 0, shared = 0;
  for (size_t f = 0; f < neighbours.size(); ++f) {
    for (const int32_t n : neighbours[f]) {
      if (n < 0 || atlas.chart_of_face[n] != atlas.chart_of_face[f] || atlas.chart_of_face[f] < 0) {
        ++seams;
        continue;
      }
      for (int a = 0; a < 3; ++a) {
        for (int b = 0; b < 3; ++b) {
          if (bumpy().faces[f][a] != bumpy().faces[n][b]) continue;
          ASSERT_EQ(atlas.corner_uv[f][a], atlas.corner_uv[n][b]);
          ++shared;
        }
      }
    }
  }
  EXPECT_LT(seams * 10, shared);
}

TEST(Atlas, TurnsNoFaceOver) {
  int over = 0;
  for (size_t f = 0; f < bumpy().faces.size(); ++f) over += uv_area(bumpy_atlas().corner_uv[f]) < 0;
  EXPECT_EQ(over, 0);
}

TEST(Atlas, StretchesLittle) {
  EXPECT_GE(bumpy_atlas().report.mean_stretch, 1);
  EXPECT_LT(bumpy_atlas().report.mean_stretch, 1.1);
}

TEST(Atlas, MeasuresTheStretchOfAFlatSquareAsOne) {
  EXPECT_NEAR(unwrap(wall(8), {}, {}).report.mean_stretch, 1, 0.01);
}

TEST(Atlas, LeavesTheAskedGapBetweenCharts) {
  // Each texel of the bitmap that a chart touches is as far from other charts as the report says.
  const Atlas& atlas = bumpy_atlas();
  constexpr int kSize = 512;
  std::vector<int32_t> owner(kSize * kSize, -1);
  for (size_t f = 0; f < atlas.corner_uv.size(); ++f) {
    for (int i = 0; i <= 8; ++i) {
      for (int j = 0; i + j <= 8; ++j) {
        Float2 uv{0, 0};
        for (int axis = 0; axis < 2; ++axis) {
          uv[axis] = atlas.corner_uv[f][0][axis] * (8 - i - j) / 8 + atlas.corner_uv[f][1][axis] * i / 8 +
                     atlas.corner_uv[f][2][axis] * j / 8;
        }
        owner[static_cast<int>(uv[1] * kSize) * kSize + static_cast<int>(uv[0] * kSize)] =
            atlas.chart_of_face[f];
      }
    }
  }
  const int reach = static_cast<int>(atlas.report.gap * kSize) - 1;
  ASSERT_GE(reach, 1);
  for (int y = 0; y < kSize; ++y) {
    for (int x = 0; x + reach < kSize; ++x) {
      const int32_t here = owner[y * kSize + x], there = owner[y * kSize + x + reach];
      ASSERT_TRUE(here < 0 || there < 0 || here == there) << x << " " << y;
      const int32_t turned = owner[x * kSize + y], below = owner[(x + reach) * kSize + y];
      ASSERT_TRUE(turned < 0 || below < 0 || turned == below) << y << " " << x;
    }
  }
}

TEST(Atlas, IsTheSameOnAnyNumberOfThreads) {
  const Surface surface = bumpy_ball(48);  // three parts
  const int threads = parallel_threads();
  set_parallel_threads(1);
  const Atlas one = unwrap(surface, {}, {});
  set_parallel_threads(3);
  const Atlas three = unwrap(surface, {}, {});
  set_parallel_threads(threads);
  EXPECT_EQ(one.corner_uv, three.corner_uv);
}

TEST(Atlas, StartsNoThreadsOfItsOwn) {
  // xatlas takes every thread of the machine unless it is kept from it: nothing may run beside this thread.
  const int threads = parallel_threads();
  set_parallel_threads(1);
  const Surface surface = bumpy_ball(48);
  const auto cpu_seconds = [](clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double process = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID), thread = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  unwrap(surface, {}, {});
  const double in_process = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - process;
  const double in_thread = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - thread;
  set_parallel_threads(threads);
  EXPECT_LT(in_process, 1.1 * in_thread);
}

TEST(Atlas, GivesFacesWithoutAnAreaAPlaceInTheTexture) {
  const Surface surface = ball(0.8f, 12);  // those at the poles
  const Atlas atlas = unwrap(surface, {}, {});
  int flat = 0;
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    if (atlas.chart_of_face[f] >= 0) continue;
    ++flat;
    for (const Float2& uv : atlas.corner_uv[f]) {
      ASSERT_TRUE(uv[0] > 0 && uv[0] < 1 && uv[1] > 0 && uv[1] < 1);
    }
  }
  EXPECT_EQ(flat, 2 * 24);
}

TEST(Atlas, UnwrapsOneTriangle) {
  Surface surface;
  surface.vertices = {{0, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  surface.faces = {{0, 1, 2}};
  const Atlas atlas = unwrap(surface, {}, {});
  EXPECT_EQ(atlas.report.charts, 1);
  EXPECT_GT(uv_area(atlas.corner_uv[0]), 0.2);  // its longest side lies along u
}

TEST(Atlas, UnwrapsManyPieces) {
  Surface surface;
  for (int i = 0; i < 300; ++i) {
    Surface piece = ball(0.02f, 4);
    for (Float3& v : piece.vertices) v[0] += 0.1f * static_cast<float>(i);
    append(surface, piece);
  }
  const Atlas atlas = unwrap(surface, {}, {});
  EXPECT_GE(atlas.report.charts, 300);
  EXPECT_GE(atlas.report.coverage, 0.4);
  const std::vector<int> depth = depth_of(atlas.corner_uv, 512);
  EXPECT_EQ(*std::ranges::max_element(depth), 1);
}

TEST(Atlas, UnwrapsNonManifoldSurfaces) {
  // Three walls that share one edge, and one of them twice, facing both ways.
  Surface surface;
  surface.vertices = {{0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {0, -1, 0}, {1, 0, 0}};
  surface.faces = {{0, 1, 2}, {0, 1, 3}, {0, 1, 4}, {0, 2, 1}};
  const Atlas atlas = unwrap(surface, {}, {});
  for (const auto& corners : atlas.corner_uv) EXPECT_GT(std::abs(uv_area(corners)), 1e-3);
  const std::vector<int> depth = depth_of(atlas.corner_uv, 512);
  EXPECT_EQ(*std::ranges::max_element(depth), 1);
}

TEST(Atlas, PrintsNothingWhateverTheSurface) {
  // Faces at random between few vertices: charts that cannot be laid out, which xatlas complains about.
  Surface surface;
  uint32_t state = 1;
  const auto random = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
  for (int i = 0; i < 40; ++i) {
    surface.vertices.push_back({static_cast<float>(random()) / (1 << 24),
                                static_cast<float>(random()) / (1 << 24),
                                static_cast<float>(random()) / (1 << 24)});
  }
  for (int i = 0; i < 300; ++i) {
    surface.faces.push_back({static_cast<int32_t>(random() % 40), static_cast<int32_t>(random() % 40),
                             static_cast<int32_t>(random() % 40)});
  }
  testing::internal::CaptureStdout();
  const Atlas atlas = unwrap(surface, {}, {});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  for (const auto& corners : atlas.corner_uv) {
    for (const Float2& uv : corners) ASSERT_TRUE(uv[0] > 0 && uv[0] < 1 && uv[1] > 0 && uv[1] < 1);
  }
}

TEST(Atlas, RefusesASurfaceWithoutFaces) {
  Surface flat = wall(1);
  for (Float3& v : flat.vertices) v = {0, 0, 0};
  expect_error(ErrorCode::kEmptySurface, "There is no surface to texture.", [] { unwrap({}, {}, {}); });
  expect_error(ErrorCode::kEmptySurface, "There is no surface to texture.", [&] { unwrap(flat, {}, {}); });
}

TEST(Atlas, RefusesABrokenSurface) {
  Surface surface = wall(1);
  surface.faces[0][0] = 99;
  expect_error(ErrorCode::kInternal, "A face names vertex 99 of ", [&] { unwrap(surface, {}, {}); });
  surface = wall(1);
  surface.vertices[0][0] = std::numeric_limits<float>::quiet_NaN();
  expect_error(ErrorCode::kInternal, "coordinates that are not finite", [&] { unwrap(surface, {}, {}); });
}

TEST(Atlas, StopsInTheMiddle) {
  Control control;
  double last = 0;
  control.progress = Progress([&](double fraction) {
    last = fraction;
    if (fraction > 0.3) control.cancel.cancel();
  });
  expect_error(ErrorCode::kCancelled, "", [&] { unwrap(bumpy(), {}, control); });
  EXPECT_LT(last, 0.9);
}

TEST(Atlas, ReportsProgressToTheEnd) {
  std::vector<double> seen;
  Control control;
  control.progress = Progress([&](double fraction) { seen.push_back(fraction); });
  unwrap(bumpy_ball(50), {}, control);  // three parts
  EXPECT_EQ(seen.back(), 1);
  for (size_t i = 1; i < seen.size(); ++i) EXPECT_LT(seen[i] - seen[i - 1], 0.35);
}

TEST(Parts, HoldEveryFaceOnceAndConnected) {
  Surface surface = bumpy_ball(40);
  append(surface, ball(0.1f, 5));
  append(surface, ball(0.1f, 6));
  const auto parts = cut_into_parts(surface, 500);
  std::vector<int> seen(surface.faces.size(), 0);
  for (const auto& part : parts) {
    ASSERT_LT(part.size(), 1500u);
    for (const int32_t f : part) ++seen[f];
  }
  EXPECT_EQ(std::ranges::count(seen, 1), static_cast<int64_t>(seen.size()));
  EXPECT_GE(parts.size(), 13u);
  EXPECT_LE(parts.size(), 15u);
}

}  // namespace
}  // namespace relievo

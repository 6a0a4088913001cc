#include "check/check.h"

#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "files/meshes.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// Adds the twelve triangles of a box that look outward, or inward.
void add_box(Surface& surface, const Float3& low, const Float3& high, bool is_inward = false) {
  const auto first = static_cast<int32_t>(surface.vertices.size());
  for (int i = 0; i < 8; ++i) {
    surface.vertices.push_back(
        {(i & 1) != 0 ? high[0] : low[0], (i & 2) != 0 ? high[1] : low[1], (i & 4) != 0 ? high[2] : low[2]});
  }
  const int quads[6][4] = {{0, 2, 3, 1}, {4, 5, 7, 6}, {0, 1, 5, 4},
                           {2, 6, 7, 3}, {0, 4, 6, 2}, {1, 3, 7, 5}};
  for (const auto& q : quads) {
    for (const auto& [b, c] : {std::pair{q[1], q[2]}, std::pair{q[2], q[3]}}) {
      if (is_inward) {
        surface.faces.push_back({first + q[0], first + c, first + b});
      } else {
        surface.faces.push_back({first + q[0], first + b, first + c});
      }
    }
  }
}

MeshFile plain(Surface surface) {
  MeshFile mesh{.surface = std::move(surface)};
  mesh.face_texture.assign(mesh.surface.faces.size(), -1);
  return mesh;
}

MeshFile cube() {
  Surface surface;
  add_box(surface, {0, 0, 0}, {1, 2, 3});
  return plain(std::move(surface));
}

/// Two triangles each on four squares of 1 x 1, 10 apart; the texture has 64 x 64 texels.
MeshFile squares(const std::vector<std::array<float, 3>>& places) {
  MeshFile mesh;
  for (size_t i = 0; i < places.size(); ++i) {
    const auto x = 10.0f * static_cast<float>(i);
    const auto first = static_cast<int32_t>(mesh.surface.vertices.size());
    for (const Float2& p : {Float2{0, 0}, Float2{1, 0}, Float2{1, 1}, Float2{0, 1}})
      mesh.surface.vertices.push_back({x + p[0], p[1], 0});
    const auto [u, v, side] = places[i];
    mesh.surface.faces.push_back({first, first + 1, first + 2});
    mesh.surface.faces.push_back({first, first + 2, first + 3});
    mesh.corner_uv.push_back({{{u, v}, {u + side, v}, {u + side, v + side}}});
    mesh.corner_uv.push_back({{{u, v}, {u + side, v + side}, {u, v + side}}});
  }
  mesh.face_texture.assign(mesh.surface.faces.size(), 0);
  mesh.textures.emplace_back(64, 64, 3, 200);
  return mesh;
}

TEST(CheckMesh, MeasuresTheShape) {
  const MeshReport report = check_mesh(cube());
  EXPECT_EQ(report.vertices, 8);
  EXPECT_EQ(report.faces, 12);
  EXPECT_TRUE(report.surface.watertight && report.surface.manifold && report.consistent);
  EXPECT_NEAR(report.surface.volume, 6, 1e-6);
  EXPECT_EQ(report.low, (Float3{0, 0, 0}));
  EXPECT_EQ(report.high, (Float3{1, 2, 3}));
  EXPECT_THAT(words_met(report),
              AllOf(Contains("outward"), Contains("one-piece"), Not(Contains("textured"))));
}

TEST(CheckMesh, TakesVerticesAtOnePlaceForOne) {
  const MeshFile whole = cube();
  MeshFile split;
  for (const Int3& face : whole.surface.faces) {
    const auto first = static_cast<int32_t>(split.surface.vertices.size());
    for (const int32_t vertex : face) split.surface.vertices.push_back(whole.surface.vertices[vertex]);
    split.surface.faces.push_back({first, first + 1, first + 2});
  }
  split.face_texture = whole.face_texture;
  EXPECT_EQ(check_mesh(split).vertices, 8);
  EXPECT_TRUE(check_mesh(split).surface.watertight);
}

TEST(CheckMesh, FindsAFaceThatTurnsTheOtherWay) {
  MeshFile mesh = cube();
  std::swap(mesh.surface.faces[3][1], mesh.surface.faces[3][2]);
  const MeshReport report = check_mesh(mesh);
  EXPECT_FALSE(report.consistent);
  EXPECT_TRUE(report.surface.watertight);
  EXPECT_THAT(words_met(report), Not(Contains("consistent")));
}

TEST(CheckMesh, FindsDebris) {
  MeshFile mesh = cube();
  add_box(mesh.surface, {5, 0, 0}, {5.05f, 0.05f, 0.05f});
  add_box(mesh.surface, {7, 0, 0}, {8, 1, 1});  // 6 of 28: a piece of its own, and no debris
  mesh.face_texture.assign(mesh.surface.faces.size(), -1);
  const MeshReport report = check_mesh(mesh);
  EXPECT_EQ(report.surface.components, 3);
  EXPECT_EQ(report.debris, 1);
  EXPECT_EQ(report.inner_shells, 0);
}

TEST(CheckMesh, FindsShellsInsideOthersWhicheverWayTheyTurn) {
  for (const bool is_inward : {false, true}) {
    Surface surface;
    add_box(surface, {0, 0, 0}, {3, 3, 3});
    add_box(surface, {1, 1, 1}, {2, 2, 2}, is_inward);
    EXPECT_EQ(check_mesh(plain(surface)).inner_shells, 1);
  }
}

TEST(CheckMesh, DoesNotTakeWhatLiesInTheBoxAloneForInside) {
  Surface surface;  // an L of two boxes that share no edge, around a third one
  add_box(surface, {0, 0, 0}, {3, 1, 1});
  add_box(surface, {1.5f, 0.25f, 2}, {1.75f, 0.5f, 2.25f});
  surface.vertices.push_back({0, 0, 4});  // a spike, so that the first box's bounds hold the second
  surface.faces.push_back({0, 1, static_cast<int32_t>(surface.vertices.size()) - 1});
  EXPECT_EQ(check_mesh(plain(surface)).inner_shells, 0);
}

TEST(CheckMesh, FindsStoredNormalsThatLookInward) {
  MeshFile mesh = cube();
  for (const Float3& vertex : mesh.surface.vertices)
    mesh.normals.push_back({vertex[0] - 0.5f, vertex[1] - 1, vertex[2] - 1.5f});
  EXPECT_EQ(check_mesh(mesh).reversed_normals, 0);
  for (Float3& normal : mesh.normals) normal = {-normal[0], -normal[1], -normal[2]};
  EXPECT_EQ(check_mesh(mesh).reversed_normals, 1);
}

TEST(CheckMesh, CountsChartsAndSlivers) {
  // Sides of 32, 16, 2 and 1 of 64 texels: the last two have 4 and 1 texels.
  const MeshReport report =
      check_mesh(squares({{0, 0, 0.5f}, {0.5f, 0.5f, 0.25f}, {0.75f, 0, 2 / 64.0f}, {0.9f, 0, 1 / 64.0f}}));
  EXPECT_EQ(report.charts, 4);
  EXPECT_EQ(report.slivers, 0.5);
  EXPECT_EQ(report.uv_overlap, 0);
  EXPECT_NEAR(report.uv_coverage, (32 * 32 + 16 * 16 + 4 + 1) / 4096.0, 2 / 4096.0);
}

TEST(CheckMesh, TellsHowUnevenlyTheTexelsAreShared) {
  EXPECT_NEAR(check_mesh(squares({{0, 0, 0.25f}, {0.5f, 0.5f, 0.25f}})).density_spread, 1, 1e-6);
  EXPECT_NEAR(check_mesh(squares({{0, 0, 0.5f}, {0.5f, 0.5f, 0.25f}})).density_spread, 2, 1e-6);
}

TEST(CheckMesh, CountsTexelsThatSeveralFacesCover) {
  // Half of the second square lies on the first: 16 x 32 of 32 x 32 + 16 x 32 texels... and the same again
  // where the texture repeats.
  EXPECT_NEAR(check_mesh(squares({{0, 0, 0.5f}, {0.25f, 0, 0.5f}})).uv_overlap, 1 / 3.0, 1e-9);
  EXPECT_NEAR(check_mesh(squares({{0, 0, 0.5f}, {2.25f, -1, 0.5f}})).uv_overlap, 1 / 3.0, 1e-9);
  EXPECT_EQ(check_mesh(squares({{0, 0, 0.5f}, {0.5f, 0, 0.5f}})).uv_overlap, 0);
  EXPECT_EQ(check_mesh(squares({{0, 0, 7}})).uv_overlap, 1);
}

TEST(CheckMesh, CountsBlackTexelsOfFacesAlone) {
  MeshFile mesh = squares({{0, 0.5f, 0.5f}});  // the upper left quarter of the picture
  ByteImage& texture = mesh.textures[0];
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) {
      if (x < 8 || y >= 32) std::fill_n(texture.pixel(x, y), 3, uint8_t{0});
    }
  }
  EXPECT_NEAR(check_mesh(mesh).black_texels, 0.25, 1e-9);
  EXPECT_THAT(words_met(check_mesh(mesh)), Not(Contains("no-black-texels")));
}

TEST(CheckMesh, SaysWhatIsUnmet) {
  MeshFile mesh = cube();
  add_box(mesh.surface, {5, 0, 0}, {5.05f, 0.05f, 0.05f});
  mesh.face_texture.assign(mesh.surface.faces.size(), -1);
  const MeshReport report = check_mesh(mesh);
  EXPECT_EQ(what_is_unmet(report, {"watertight", "one-piece", "textured"}),
            "The mesh does not meet 'one-piece' (it has 2 pieces), 'textured' (it has no UVs).");
  EXPECT_EQ(what_is_unmet(report, {"watertight"}), "");
  const auto told = parse_json(report_of("x.glb", report, {"one-piece"}));
  EXPECT_EQ(told["unmet"], nlohmann::json::array({"one-piece"}));
  EXPECT_EQ(told["ok"], false);
  try {
    check_requirements({"water-tight"});
    ADD_FAILURE() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "Unknown requirement 'water-tight'.");
    EXPECT_THAT(error.hint(), HasSubstr("watertight, manifold"));
  }
}

class MeshFiles : public ::testing::Test {
 protected:
  MeshFiles() { fs::create_directories(folder); }
  ~MeshFiles() override { fs::remove_all(folder); }

  static TexturedMesh textured() {
    const MeshFile file = squares({{0, 0, 0.5f}, {0.5f, 0.5f, 0.25f}});
    TexturedMesh mesh;
    mesh.surface = file.surface;
    mesh.corner_uv = file.corner_uv;
    mesh.albedo = file.textures[0];
    return mesh;
  }

  fs::path folder = fs::temp_directory_path() / ("relievo-check-test-" + std::to_string(::getpid()));
};

TEST_F(MeshFiles, AreReadAsTheyWereWritten) {
  const TexturedMesh mesh = textured();
  const MeshReport expected = check_mesh(mesh_file_of(mesh));
  for (const std::string format : {"glb", "obj", "ply"}) {
    const MeshReport report = check_mesh(read_mesh(write_mesh(folder, "m", format, mesh).front()));
    EXPECT_EQ(report.faces, expected.faces) << format;
    EXPECT_EQ(report.vertices, expected.vertices) << format;
    EXPECT_NEAR(report.surface.area, expected.surface.area, 1e-5) << format;
    EXPECT_EQ(report.surface.components, expected.surface.components) << format;
    EXPECT_EQ(report.has_texture, format != "ply") << format;
    if (format == "ply") continue;
    EXPECT_EQ(report.charts, expected.charts) << format;
    EXPECT_NEAR(report.uv_coverage, expected.uv_coverage, 1e-9) << format;
    EXPECT_NEAR(report.density_spread, expected.density_spread, 1e-5) << format;
  }
}

TEST_F(MeshFiles, ThatAreNoneAreRefused) {
  const auto refusal = [&](const std::string& name, const std::string& content) {
    std::ofstream(folder / name, std::ios::binary) << content;
    try {
      read_mesh(folder / name);
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << name << " was not refused";
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(refusal("a.stl", "solid"), ErrorCode::kInvalidSettings);
  EXPECT_EQ(refusal("a.glb", ""), ErrorCode::kInvalidImage);
  EXPECT_EQ(refusal("a.glb", "this is no mesh"), ErrorCode::kInvalidImage);
  EXPECT_EQ(refusal("a.obj", "v 0 0 0\n"), ErrorCode::kInvalidImage);
  EXPECT_EQ(refusal("a.obj", "v 0 0 0\nv 1 0 0\nv 0 nan 0\nf 1 2 3\n"), ErrorCode::kInvalidImage);
  try {
    read_mesh(folder / "none.obj");
    ADD_FAILURE() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
  }
}

}  // namespace
}  // namespace relievo

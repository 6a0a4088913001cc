// Files that render/ writes. tests/addon/test_render_layers.py reads the layers with other programs.
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <set>

#include <sys/resource.h>
#include <webp/mux.h>

#include "../files/sample_mesh.h"
#include "../files/samples.h"
#include "files/animation.h"
#include "render/contact_sheet.h"
#include "render/turntable.h"

namespace relievo {
namespace {

TurntableSettings small_turntable() {
  TurntableSettings settings;
  settings.frames = 5;
  settings.side = 48;
  settings.samples = 2;
  return settings;
}

/// Frames and canvas of an animated WebP.
struct Animation {
  int frames = 0, width = 0, height = 0;
  std::set<std::string> different;
  int milliseconds = 0;
};
Animation animation_of(const std::filesystem::path& path) {
  const std::string text = text_of(path);
  const WebPData data{reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  WebPMux* mux = WebPMuxCreate(&data, 0);
  Animation animation;
  if (mux == nullptr) return animation;
  WebPMuxNumChunks(mux, WEBP_CHUNK_ANMF, &animation.frames);
  WebPMuxGetCanvasSize(mux, &animation.width, &animation.height);
  for (int i = 0; i < animation.frames; ++i) {
    WebPMuxFrameInfo frame;
    if (WebPMuxGetFrame(mux, static_cast<uint32_t>(i + 1), &frame) != WEBP_MUX_OK) continue;
    animation.different.emplace(reinterpret_cast<const char*>(frame.bitstream.bytes), frame.bitstream.size);
    animation.milliseconds += frame.duration;
    WebPDataClear(&frame.bitstream);
  }
  WebPMuxDelete(mux);
  return animation;
}

TEST(Turntable, WritesEveryFrameAndTheAnimation) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  const auto files = write_turntable(folder.path(), "a.b", Renderer(mesh), small_turntable());
  std::vector<std::string> names;
  for (const auto& file : files) names.push_back(std::filesystem::relative(file, folder.path()));
  EXPECT_EQ(names, (std::vector<std::string>{"a.b_turntable.webp", "a.b_turntable/a.b_0001.png",
                                             "a.b_turntable/a.b_0002.png", "a.b_turntable/a.b_0003.png",
                                             "a.b_turntable/a.b_0004.png", "a.b_turntable/a.b_0005.png"}));
  for (const auto& file : files) EXPECT_TRUE(std::filesystem::exists(file)) << file;
  EXPECT_EQ(folder.files(), 2);
  const Animation animation = animation_of(files[0]);
  EXPECT_EQ(animation.frames, 5);
  EXPECT_EQ(animation.different.size(), 5u);
  EXPECT_EQ(animation.width, 48);
  EXPECT_EQ(animation.height, 48);
  EXPECT_EQ(animation.milliseconds, 5 * (1000 / 24));
}

TEST(Turntable, StartsAtTheFrontAndTurnsOnce) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  TurntableSettings settings = small_turntable();
  settings.frames = 4;
  settings.animation = false;
  const auto files = write_turntable(folder.path(), "box", renderer, settings);
  ASSERT_EQ(files.size(), 4u);
  const std::vector<View> views =
      framed_views(mesh.surface, {{0, 12}, {90, 12}, {180, 12}, {270, 12}}, settings.side);
  for (size_t i = 0; i < 4; ++i) {
    const ByteImage expected = to_bytes(renderer.render(views[i], settings.samples).colour);
    EXPECT_EQ(to_bytes(read_picture(files[i])).pixels, expected.pixels) << "frame " << i;
  }
}

TEST(Turntable, WritesFramesInLayers) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  TurntableSettings settings = small_turntable();
  settings.frames = 2;
  settings.format = TurntableSettings::Frames::kExr;
  const auto files = write_turntable(folder.path(), "box", Renderer(mesh), settings);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[2].filename(), "box_0002.exr");
  EXPECT_NE(text_of(files[2]).find("depth.Z"), std::string::npos);
}

TEST(Turntable, LeavesNothingWhenCancelled) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  Control control;
  control.progress = Progress([&](double fraction) {
    if (fraction > 0.5) control.cancel.cancel();
  });
  try {
    write_turntable(folder.path(), "box", Renderer(mesh), small_turntable(), control);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(folder.files(), 0);
}

/// Limits the size of files to `bytes`, as on a full disk. Not in a child process: a fork of one that has
/// used OpenMP hangs at its next parallel loop.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(Turntable, LeavesNothingOnAFullDisk) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  expect_error(ErrorCode::kIo, "Cannot write", [&] {
    const FullDisk disk(300);
    write_turntable(folder.path(), "box", Renderer(mesh), small_turntable());
  });
  EXPECT_EQ(folder.files(), 0);
}

TEST(Turntable, RefusesSettingsOutOfRange) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  TurntableSettings settings = small_turntable();
  settings.frames = 0;
  expect_error(ErrorCode::kInvalidSettings, "0 frames",
               [&] { write_turntable(folder.path(), "box", Renderer(mesh), settings); });
  settings = small_turntable();
  expect_error(ErrorCode::kIo, "none",
               [&] { write_turntable(folder / "none", "box", Renderer(mesh), settings); });
}

TEST(Animation, RefusesFramesThatDiffer) {
  const std::vector<std::vector<std::byte>> frames{encode_animation_frame(ByteImage(8, 8, 3)),
                                                   encode_animation_frame(ByteImage(8, 9, 3))};
  expect_error(ErrorCode::kInternal, "differ in size", [&] { encode_animation(frames, 40); });
  expect_error(ErrorCode::kInternal, "no frames", [] { encode_animation({}, 40); });
}

TEST(ContactSheet, ShowsTheInputBesideSixViews) {
  TexturedMesh mesh = sample_mesh();
  mesh.surface.vertices[7] = {0.5f, 1.5f, 2.0f};  // a dent, so that no two sides look alike
  const Renderer renderer(mesh);
  const ByteImage without = contact_sheet(renderer, {}, 50);
  EXPECT_EQ(without.width, 3 * 52 + 2);
  EXPECT_EQ(without.height, 2 * 52 + 2);
  Image input(30, 20, 4);
  for (size_t i = 0; i < input.pixels.size(); i += 4) {
    input.pixels[i + 2] = 1;
    input.pixels[i + 3] = 1;
  }
  const ByteImage sheet = contact_sheet(renderer, input, 50);
  EXPECT_EQ(sheet.width, without.width + 104);
  const auto colour = [&](int x, int y) {
    const uint8_t* p = sheet.pixel(x, y);
    return std::array<int, 3>{p[0], p[1], p[2]};
  };
  EXPECT_EQ(colour(53, 53), (std::array<int, 3>{0, 0, 255}));     // the input, in the middle of its square
  EXPECT_EQ(colour(53, 6), (std::array<int, 3>{255, 255, 255}));  // its mount
  std::set<std::string> cells;
  for (int cell = 0; cell < 6; ++cell) {
    std::string pixels;
    for (int y = 0; y < 50; ++y) {
      const uint8_t* row = without.pixel(2 + cell % 3 * 52, 2 + cell / 3 * 52 + y);
      pixels.append(reinterpret_cast<const char*>(row), 150);
    }
    cells.insert(pixels);
  }
  EXPECT_EQ(cells.size(), 6u);  // no two alike: none is empty
}

TEST(ContactSheet, IsWrittenByItsName) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  write_contact_sheet(folder / "SHEET.PNG", Renderer(mesh), {}, 32);
  EXPECT_EQ(read_picture(folder / "SHEET.PNG").width, 3 * 34 + 2);
  expect_error(ErrorCode::kInvalidSettings, "Invalid cell of a contact sheet '9'.",
               [&] { write_contact_sheet(folder / "b.png", Renderer(mesh), {}, 9); });
}

TEST(LayersFile, IsAPlainPictureToWhoKnowsNoLayers) {
  const ScratchFolder folder;
  const TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  const Layers layers = renderer.render(framed_views(mesh.surface, {{30, 20}}, 40)[0], 8);
  for (const ExrPrecision precision : {ExrPrecision::kHalf, ExrPrecision::kFloat}) {
    write_layers(folder / "box.exr", layers, precision);
    const Image image = read_picture(folder / "box.exr");
    ASSERT_TRUE(image.linear);
    ASSERT_EQ(image.pixels.size(), layers.colour.pixels.size());
    const double tolerance = precision == ExrPrecision::kHalf ? 2e-3 : 1e-6;
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      ASSERT_NEAR(image.pixels[i], layers.colour.pixels[i], tolerance) << i;
    }
  }
}

/// Writes what tests/addon/test_render_layers.py reads, into the folder named by RELIEVO_LAYER_SAMPLES.
TEST(LayersFile, SamplesAreWritten) {
  const ScratchFolder scratch;
  const char* asked_for = std::getenv("RELIEVO_LAYER_SAMPLES");
  const std::filesystem::path folder = asked_for != nullptr ? asked_for : scratch.path();
  const TexturedMesh mesh = sample_mesh();
  const Renderer renderer(mesh);
  // 10 m before the middle of the box, 40 degrees, 64 x 48 pixels.
  const View view{look_at({0.25, -9.5, 0.75}, {0.25, 0.5, 0.75}), 40, 64, 48};
  const Layers layers = renderer.render(view, 4);
  write_layers(folder / "half.exr", layers, ExrPrecision::kHalf, mesh.provenance);
  write_layers(folder / "float.exr", layers, ExrPrecision::kFloat, mesh.provenance);
  EXPECT_GT(std::filesystem::file_size(folder / "float.exr"),
            std::filesystem::file_size(folder / "half.exr"));
}

}  // namespace
}  // namespace relievo

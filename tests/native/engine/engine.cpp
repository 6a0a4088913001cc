#include "engine/engine.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"
#include "engine/machine.h"
#include "files/pictures.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// A disc with its own alpha, left half red and right half blue, upper part brighter.
Image disc(int side = 128) {
  Image image(side, side, 4);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float dx = (static_cast<float>(x) + 0.5f) / static_cast<float>(side) - 0.5f;
      const float dy = (static_cast<float>(y) + 0.5f) / static_cast<float>(side) - 0.5f;
      float* p = image.pixel(x, y);
      p[dx < 0 ? 0 : 2] = dy < 0 ? 0.9f : 0.5f;
      p[3] = dx * dx + dy * dy < 0.16f ? 1.0f : 0.0f;
    }
  }
  return image;
}

GenerateRequest quick_request() {
  GenerateRequest request;
  request.image = disc();
  request.name = "disc";
  request.settings.grid = 32;
  request.settings.texture_size = 64;
  return request;
}

GenerateRequest slow_request() {
  GenerateRequest request = quick_request();
  request.settings.grid = 512;
  return request;
}

TEST(Engine, TurnsADiscIntoABallInScenePosition) {
  Engine engine;
  const Job job = engine.submit(quick_request());
  ASSERT_TRUE(job.wait(60));
  ASSERT_EQ(job.status().state, JobState::kDone) << job.error()->message();
  const auto result = job.result();
  const TexturedMesh& mesh = result->mesh;
  EXPECT_TRUE(mesh.report.watertight);
  EXPECT_TRUE(mesh.report.manifold);
  EXPECT_EQ(mesh.report.components, 1);
  EXPECT_EQ(mesh.report.euler, 2);
  EXPECT_GT(mesh.report.volume, 0);
  // The disc fills 0.85 of the square that spans -1..1.
  for (const Float3& v : mesh.surface.vertices) {
    EXPECT_NEAR(std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), 0.85, 0.04);
  }
}

TEST(Engine, FrontLooksTowardsMinusYWithThePictureTheRightWayRound) {
  Engine engine;
  const Job job = engine.submit(quick_request());
  ASSERT_TRUE(job.wait(60));
  const TexturedMesh& mesh = job.result()->mesh;
  int checked = 0;
  for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
    for (int corner = 0; corner < 3; ++corner) {
      const Float3& v = mesh.surface.vertices[mesh.surface.faces[f][corner]];
      if (v[1] > -0.4f || std::abs(v[0]) < 0.15f || std::abs(v[2]) < 0.15f)
        continue;  // the front, off the borders
      const Float2& uv = mesh.corner_uv[f][corner];
      const uint8_t* texel =
          mesh.albedo.pixel(static_cast<int>(uv[0] * static_cast<float>(mesh.albedo.width)),
                            static_cast<int>((1 - uv[1]) * static_cast<float>(mesh.albedo.height)));
      const bool is_red = texel[0] > texel[2];
      const bool is_bright = std::max(texel[0], texel[2]) > 180;
      EXPECT_EQ(is_red, v[0] < 0) << v[0] << " " << v[2];
      EXPECT_EQ(is_bright, v[2] > 0) << v[0] << " " << v[2];
      ++checked;
    }
  }
  EXPECT_GT(checked, 100);
}

TEST(Engine, ReportsStagesInOrderAndProgressThatGrows) {
  Engine engine;
  const Job job = engine.submit(quick_request());
  double last = -1;
  while (!job.wait(0.001)) {
    const JobStatus status = job.status();
    EXPECT_GE(status.fraction, last);
    last = status.fraction;
  }
  EXPECT_EQ(job.status().fraction, 1);
  std::vector<std::string> names;
  double seconds = 0;
  for (const StageReport& stage : job.result()->stages) {
    names.push_back(stage.name);
    EXPECT_GT(stage.seconds, 0);
    EXPECT_GT(stage.peak_bytes, 0);
    seconds += stage.seconds;
  }
  EXPECT_LE(seconds, job.status().seconds) << "one after the other, they are no longer than the job";
  EXPECT_EQ(names, (std::vector<std::string>{"foreground", "reconstruct", "surface", "simplify", "texture"}));
}

TEST(Engine, TheSamePictureGivesTheSameMesh) {
  Engine engine;
  const Job first = engine.submit(quick_request()), second = engine.submit(quick_request());
  ASSERT_TRUE(first.wait(60) && second.wait(60));
  EXPECT_EQ(first.result()->mesh.surface.vertices, second.result()->mesh.surface.vertices);
  EXPECT_EQ(first.result()->albedo_png, second.result()->albedo_png);
}

TEST(Engine, FailureIsKeptOnTheJobAndTheNextJobRuns) {
  Engine engine;
  GenerateRequest bad = quick_request();
  bad.image = {};
  bad.picture = "/nonexistent.png";
  const Job failing = engine.submit(bad), good = engine.submit(quick_request());
  ASSERT_TRUE(failing.wait(60) && good.wait(60));
  EXPECT_EQ(failing.status().state, JobState::kFailed);
  ASSERT_TRUE(failing.error().has_value());
  EXPECT_EQ(failing.error()->code(), ErrorCode::kIo);
  EXPECT_EQ(failing.result(), nullptr);
  EXPECT_EQ(good.status().state, JobState::kDone);
}

TEST(Engine, ImpossibleRequestsAreRefusedAtOnce) {
  Engine engine;
  GenerateRequest request = quick_request();
  request.settings.model = "instant-mesh-large";
  expect_error(ErrorCode::kModelMissing, "instant-mesh-large", [&] { engine.submit(request); });
  request = quick_request();
  request.settings.grid = 3;
  expect_error(ErrorCode::kInvalidSettings, "Invalid grid '3'.", [&] { engine.submit(request); });
  expect_error(ErrorCode::kInvalidSettings, "neither a picture file nor a picture",
               [&] { engine.submit({}); });
}

TEST(Engine, CancelEndsARunningJobSoonAndTwiceIsFine) {
  Engine engine;
  const Job job = engine.submit(slow_request());
  while (job.status().state == JobState::kWaiting) std::this_thread::yield();
  job.cancel();
  job.cancel();
  ASSERT_TRUE(job.wait(10));
  EXPECT_EQ(job.status().state, JobState::kCancelled);
  EXPECT_EQ(job.error()->code(), ErrorCode::kCancelled);
}

TEST(Engine, CancelledWhileWaitingEndsAtOnceAndIsNeverRun) {
  Engine engine;
  const Job running = engine.submit(slow_request()), waiting = engine.submit(quick_request());
  waiting.cancel();
  EXPECT_TRUE(waiting.wait(0));
  EXPECT_EQ(waiting.status().state, JobState::kCancelled);
  running.cancel();
  EXPECT_TRUE(running.wait(10));
  EXPECT_EQ(waiting.result(), nullptr);
}

TEST(Engine, DestructionCancelsWhatIsLeftAndJobsOutliveIt) {
  auto engine = std::make_unique<Engine>();
  const Job running = engine->submit(slow_request()), waiting = engine->submit(quick_request());
  while (running.status().state == JobState::kWaiting) std::this_thread::yield();
  engine.reset();
  EXPECT_EQ(running.status().state, JobState::kCancelled);
  EXPECT_EQ(waiting.status().state, JobState::kCancelled);
}

std::vector<std::string> names_of(const std::vector<Job>& jobs) {
  std::vector<std::string> names;
  for (const Job& job : jobs) names.push_back(job.name());
  return names;
}

GenerateRequest named(const std::string& name) {
  GenerateRequest request = quick_request();
  request.name = name;
  return request;
}

TEST(Engine, PausedQueueKeepsItsOrderAndRunsInIt) {
  Engine engine;
  engine.pause();
  EXPECT_TRUE(engine.paused());
  const Job a = engine.submit(named("a")), b = engine.submit(named("b")), c = engine.submit(named("c"));
  EXPECT_EQ(names_of(engine.queue()), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(engine.move(c, 0));
  EXPECT_TRUE(engine.move(a, 9));
  EXPECT_EQ(names_of(engine.queue()), (std::vector<std::string>{"c", "b", "a"}));
  b.cancel();
  EXPECT_EQ(names_of(engine.queue()), (std::vector<std::string>{"c", "a"}));
  EXPECT_FALSE(engine.move(b, 0));
  EXPECT_FALSE(a.wait(0.1));
  EXPECT_EQ(c.status().state, JobState::kWaiting);
  engine.resume();
  ASSERT_TRUE(c.wait(60));
  EXPECT_NE(a.status().state, JobState::kDone);  // it ran second
  ASSERT_TRUE(a.wait(60));
  EXPECT_EQ(a.status().state, JobState::kDone);
  EXPECT_TRUE(engine.queue().empty());
}

TEST(Engine, ForegroundAloneRunsFirstAndShowsTheMask) {
  Engine engine;
  engine.pause();
  const Job waiting = engine.submit(named("mesh"));
  GenerateRequest request = named("mask");
  request.only_foreground = true;
  const Job job = engine.submit(request);
  ASSERT_TRUE(job.wait(60));
  EXPECT_EQ(job.status().state, JobState::kDone);
  EXPECT_EQ(job.result(), nullptr);
  EXPECT_EQ(waiting.status().state, JobState::kWaiting);
  const auto previews = job.previews();
  ASSERT_EQ(previews.size(), 1u);
  EXPECT_EQ(previews[0]->name, "foreground");
  const ByteImage& picture = previews[0]->picture;
  ASSERT_EQ(picture.channels, 4);
  EXPECT_EQ(std::max(picture.width, picture.height), kPreviewSide);
  EXPECT_EQ(picture.pixel(picture.width / 2, picture.height / 2)[3], 255);
  EXPECT_EQ(picture.pixel(1, 1)[3], 0);
}

TEST(Engine, CutOutKeepsTheSubjectsColourToItsEdge) {
  Engine engine;
  GenerateRequest request = named("disc");
  request.only_foreground = true;
  request.picture.clear();
  request.image = Image(600, 600, 4);
  for (int y = 0; y < 600; ++y) {
    for (int x = 0; x < 600; ++x) {
      float* pixel = request.image.pixel(x, y);
      const bool is_disc = std::hypot(x - 299.5, y - 299.5) < 220;
      std::fill(pixel, pixel + 3, 1.0f);
      if (is_disc) std::copy_n(std::array{0.8f, 0.2f, 0.1f, 1.0f}.begin(), 4, pixel);
    }
  }
  const Job job = engine.submit(request);
  ASSERT_TRUE(job.wait(60));
  ASSERT_EQ(job.previews().size(), 1u);
  const ByteImage picture = job.previews().front()->picture;
  int edge = 0;
  for (size_t i = 0; i < picture.pixels.size(); i += 4) {
    const uint8_t* pixel = &picture.pixels[i];
    edge += pixel[3] > 32 && pixel[3] < 224;
    // To a level and a half of what is seen of it.
    EXPECT_NEAR((pixel[0] - 204) * pixel[3] / 255.0, 0, 1.5);
    EXPECT_NEAR((pixel[1] - 51) * pixel[3] / 255.0, 0, 1.5);
    EXPECT_NEAR((pixel[2] - 25.5) * pixel[3] / 255.0, 0, 1.5);
  }
  EXPECT_GT(edge, 100);
}

TEST(Engine, FinishedJobShowsTheCutOutAndTheObject) {
  Engine engine;
  const Job job = engine.submit(quick_request());
  ASSERT_TRUE(job.wait(60));
  const auto previews = job.previews();
  ASSERT_EQ(previews.size(), 2u);
  EXPECT_EQ(previews[0]->name, "foreground");
  EXPECT_EQ(previews[1]->name, "shaded");
  // The ball: coloured in the middle, the grey ground in the corner.
  const ByteImage& shaded = previews[1]->picture;
  const auto spread = [&](int x, int y) {
    const uint8_t* p = shaded.pixel(x, y);
    return std::max({p[0], p[1], p[2]}) - std::min({p[0], p[1], p[2]});
  };
  EXPECT_GT(spread(kPreviewSide / 2, kPreviewSide / 2), 40);
  EXPECT_LT(spread(2, 2), 12);
}

TEST(Engine, LogNamesEachStage) {
  Engine engine;
  const Job job = engine.submit(quick_request());
  ASSERT_TRUE(job.wait(60));
  std::string text;
  double last = 0;
  for (const LogLine& line : job.log()) {
    text += line.text + "\n";
    EXPECT_GE(line.seconds, last);
    last = line.seconds;
  }
  for (const char* stage : {"foreground", "reconstruct", "surface", "texture"}) {
    EXPECT_NE(text.find(stage), std::string::npos) << stage;
  }
}

TEST(Engine, TakenResultOutlivesJobAndEngine) {
  std::shared_ptr<const GenerateResult> result;
  {
    Engine engine;
    const Job job = engine.submit(quick_request());
    ASSERT_TRUE(job.wait(60));
    EXPECT_NE(job.result(), nullptr);
    result = job.take();
    EXPECT_EQ(job.result(), nullptr);
    EXPECT_EQ(job.take(), nullptr);
    EXPECT_EQ(job.status().state, JobState::kDone);
  }
  EXPECT_EQ(result.use_count(), 1);
  EXPECT_EQ(result->name, "disc");
}

TEST(Engine, PicturesInMemoryAreDecodedOnTheJob) {
  Engine engine;
  GenerateRequest bytes = quick_request(), encoded = quick_request(), broken = quick_request();
  bytes.bytes = to_bytes(bytes.image);
  encoded.encoded = encode_png(bytes.bytes);
  broken.encoded = {std::byte{1}, std::byte{2}};
  for (GenerateRequest* request : {&bytes, &encoded, &broken}) request->image = {};
  const Job a = engine.submit(bytes), b = engine.submit(encoded), c = engine.submit(broken);
  ASSERT_TRUE(a.wait(60) && b.wait(60) && c.wait(60));
  ASSERT_NE(a.result(), nullptr);
  ASSERT_NE(b.result(), nullptr);
  EXPECT_EQ(a.result()->mesh.surface.vertices, b.result()->mesh.surface.vertices);
  EXPECT_EQ(c.error()->code(), ErrorCode::kInvalidImage);
}

TEST(Engine, IdleTimeUnloadsTheModels) {
  Engine engine;
  EXPECT_FALSE(engine.loaded());
  ASSERT_TRUE(engine.submit(quick_request()).wait(60));
  EXPECT_TRUE(engine.loaded());
  engine.set_idle_seconds(0.05);
  for (int i = 0; i < 1000 && engine.loaded(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(engine.loaded());
}

TEST(Engine, IdleTimeUnloadsTheMaskNetworkOfPreviews) {
  Engine engine;
  GenerateRequest request = quick_request();
  request.only_foreground = true;
  ASSERT_TRUE(engine.submit(request).wait(60));
  for (int i = 0; i < 1000 && !engine.loaded(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(engine.loaded());
  engine.set_idle_seconds(0.05);
  for (int i = 0; i < 1000 && engine.loaded(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(engine.loaded());
}

TEST(Engine, DevicesEndWithTheCpu) {
  const std::vector<DeviceInfo> devices = find_devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(devices.back().device, "cpu");
  EXPECT_GT(devices.back().total_bytes, 0);
  EXPECT_GT(devices.back().free_bytes, 0);
  EXPECT_LE(devices.back().free_bytes, devices.back().total_bytes);
}

TEST(Engine, UnloadedModelsAreLoadedAgain) {
  Engine engine;
  ASSERT_TRUE(engine.submit(quick_request()).wait(60));
  engine.unload();
  const Job job = engine.submit(quick_request());
  ASSERT_TRUE(job.wait(60));
  EXPECT_EQ(job.status().state, JobState::kDone);
}

TEST(Engine, APictureThatNeedsTheNetworkSaysWhenItIsMissing) {
  Engine engine({.models = "/nonexistent", .threads = 1});
  GenerateRequest request = quick_request();
  request.image = Image(64, 64, 3, 0.5f);
  const Job job = engine.submit(request), with_alpha = engine.submit(quick_request());
  ASSERT_TRUE(job.wait(60) && with_alpha.wait(60));
  EXPECT_EQ(job.error()->code(), ErrorCode::kModelMissing);
  EXPECT_EQ(with_alpha.status().state, JobState::kDone);
}

TEST(Engine, NamesBecomeUsableAsFiles) {
  Engine engine;
  const std::pair<const char*, const char*> names[] = {
      {" a/b\\c\n ", "a_b_c_"}, {"  ", "picture"}, {"tasse \xc3\xa9t\xc3\xa9", "tasse \xc3\xa9t\xc3\xa9"}};
  for (const auto& [given, expected] : names) {
    GenerateRequest request = quick_request();
    request.name = given;
    const Job job = engine.submit(request);
    ASSERT_TRUE(job.wait(60));
    EXPECT_EQ(job.result()->name, expected);
  }
}

TEST(SaveResult, WritesEachFormatAndRefusesOthers) {
  const fs::path folder = fs::temp_directory_path() / ("relievo-save-" + std::to_string(::getpid()));
  Engine engine;
  const Job job = engine.submit(quick_request());
  ASSERT_TRUE(job.wait(60));
  for (const fs::path& file : save_result(*job.result(), folder / "deep" / "er", {"glb", "obj", "ply"})) {
    EXPECT_GT(fs::file_size(file), 0u) << file;
  }
  expect_error(ErrorCode::kInvalidSettings, "dxf", [&] { save_result(*job.result(), folder, {"dxf"}); });
  expect_error(ErrorCode::kIo, "/proc/relievo",
               [&] { save_result(*job.result(), "/proc/relievo", {"glb"}); });
  fs::remove_all(folder);
}

}  // namespace
}  // namespace relievo

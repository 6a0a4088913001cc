#include "train/data/six_views.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <span>
#include <string>

#include "base/camera.h"
#include "base/error.h"
#include "base/vectors.h"
#include "train/data/picture.h"
#include "train/data/solid.h"
#include "train/data/surface_points.h"
#include "train/data/view_frame.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

constexpr float kDegree = std::numbers::pi_v<float> / 180;
constexpr float kDistance = 4, kFieldOfView = 30 * kDegree;  // six_view_cameras()
constexpr int kViews = 6;

/// Turns the object about z and scales it to the radius of the samples.
void place(Object& object, float angle) {
  float farthest = 0;
  for (const Float3& vertex : object.surface.vertices) farthest = std::max(farthest, length(vertex));
  const float scale = kSixViewsRadius / farthest, c = scale * std::cos(angle), s = scale * std::sin(angle);
  for (Float3& v : object.surface.vertices) v = {c * v[0] - s * v[1], s * v[0] + c * v[1], scale * v[2]};
}

void add_point(SixViewsSample& sample, const Object& object, const Solid& solid, const Float3& where,
               Random& random) {
  const Solid::Answer answer = solid.at(where, random);
  for (const float x : where) sample.points.push_back(in_sample_units(x));
  sample.distances.push_back(in_sample_units(answer.distance));
  for (const float channel : colour_at(object, answer.nearest.face, answer.nearest.weights)) {
    sample.colours.push_back(static_cast<uint8_t>(std::lround(255 * std::clamp(channel, 0.0f, 1.0f))));
  }
}

SixViewsSample make_one(Object object, const std::vector<SeenSides>& sides, int side, Random& random) {
  place(object, random.between(-180, 180) * kDegree);
  const Rays rays(object.surface);
  const auto normals = corner_normals(object.surface);
  const Scene scene{object, rays, normals};
  SixViewsSample sample;
  // Zero123++ paints all views under one light.
  const Lights lights = Lights::draw(random, ViewFrame::whole_picture(0, 0, kFieldOfView, kDistance));
  for (int i = 0; i < kViews; ++i) {
    const float azimuth = static_cast<float>(30 + 60 * i), elevation = i % 2 == 0 ? 20 : -10;
    const ViewFrame frame =
        ViewFrame::whole_picture(azimuth * kDegree, elevation * kDegree, kFieldOfView, kDistance);
    sample.pictures.push_back(render_picture(scene, frame, lights, side, random));
  }
  float farthest = 0;
  for (const Float3& vertex : object.surface.vertices) farthest = std::max(farthest, length(vertex));
  const Solid solid(object.surface, sides, kSheetThickness * 2 * farthest);
  const SurfacePoints surface_points(object.surface, sides);
  for (int i = 0; i < kPointsOfSixViews; ++i) {
    Float3 where{random.between(-1, 1), random.between(-1, 1), random.between(-1, 1)};
    if (i % 2 == 0) {
      where = surface_points.draw(random).place;
      const float spread = i % 4 == 0 ? 0.015f : 0.06f;
      for (float& x : where) x = std::clamp(x + spread * random.normal(), -1.0f, 1.0f);
    }
    add_point(sample, object, solid, where, random);
  }
  return sample;
}

}  // namespace

std::vector<SixViewsSample> make_six_views(const Object& object, const SampleSettings& settings,
                                           uint64_t seed, const CancelToken& cancel) {
  Object normalised = object;
  normalise(normalised);
  const std::vector<SeenSides> sides = find_seen_sides(normalised.surface, seed);
  Random random(seed);
  std::vector<SixViewsSample> samples;
  bool has_inside = false;
  for (int i = 0; i < settings.views; ++i) {
    cancel.check();
    samples.push_back(make_one(normalised, sides, settings.picture_side, random));
    has_inside = has_inside || std::ranges::any_of(samples.back().distances, [](int16_t d) { return d < 0; });
  }
  if (!has_inside) {
    throw Error(ErrorCode::kEmptySurface, "Nothing of the object is inside it.",
                "Give a mesh with a surface.");
  }
  return samples;
}

void write_six_views(const std::filesystem::path& path, const std::vector<SixViewsSample>& samples) {
  std::map<std::string, std::vector<std::byte>> data;
  const auto add = [&](const std::string& name, const auto& values) {
    const auto part = std::as_bytes(std::span(values));
    data[name].insert(data[name].end(), part.begin(), part.end());
  };
  for (const SixViewsSample& sample : samples) {
    for (const ByteImage& picture : sample.pictures) add("picture", picture.pixels);
    add("points", sample.points);
    add("distances", sample.distances);
    add("colours", sample.colours);
  }
  const auto count = static_cast<int64_t>(samples.size());
  const int64_t side = samples.front().pictures.front().width;
  const std::map<std::string, TensorView, std::less<>> tensors{
      {"picture", {DType::kUInt8, {count, kViews, side, side, 4}, data["picture"]}},
      {"points", {DType::kInt16, {count, kPointsOfSixViews, 3}, data["points"]}},
      {"distances", {DType::kInt16, {count, kPointsOfSixViews}, data["distances"]}},
      {"colours", {DType::kUInt8, {count, kPointsOfSixViews, 3}, data["colours"]}}};
  write_safetensors(path, tensors);
}

}  // namespace relievo

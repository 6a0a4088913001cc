#include "train/data/rays.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <embree3/rtcore.h>

#include "base/error.h"
#include "base/vectors.h"

namespace relievo {
namespace {

/// One device for all threads. Each object is built on the thread that asks for it.
RTCDevice device() {
  static const RTCDevice opened = rtcNewDevice("threads=1,set_affinity=0");
  return opened;
}

/// The weights of the triangle's point that is nearest to `p` (Ericson, Real-Time Collision
/// Detection, 5.1.5).
Float3 nearest_weights(const Float3& p, const Float3& a, const Float3& b, const Float3& c) {
  const Float3 ab = minus(b, a), ac = minus(c, a), ap = minus(p, a), bp = minus(p, b), cp = minus(p, c);
  const float d1 = dot(ab, ap), d2 = dot(ac, ap), d3 = dot(ab, bp), d4 = dot(ac, bp), d5 = dot(ab, cp),
              d6 = dot(ac, cp);
  if (d1 <= 0 && d2 <= 0) return {1, 0, 0};
  if (d3 >= 0 && d4 <= d3) return {0, 1, 0};
  const float vc = d1 * d4 - d3 * d2;
  if (vc <= 0 && d1 >= 0 && d3 <= 0) return {1 - d1 / (d1 - d3), d1 / (d1 - d3), 0};
  if (d6 >= 0 && d5 <= d6) return {0, 0, 1};
  const float vb = d5 * d2 - d1 * d6;
  if (vb <= 0 && d2 >= 0 && d6 <= 0) return {1 - d2 / (d2 - d6), 0, d2 / (d2 - d6)};
  const float va = d3 * d6 - d5 * d4;
  if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
    const float w = (d4 - d3) / ((d4 - d3) + (d5 - d6));
    return {0, 1 - w, w};
  }
  const float sum = va + vb + vc;
  return sum > 0 ? Float3{va / sum, vb / sum, vc / sum} : Float3{1, 0, 0};
}

}  // namespace

struct Rays::Scene {
  std::vector<Float3> vertices;
  std::vector<Int3> faces;
  std::vector<int32_t> names;  // places in the surface that was given
  RTCScene scene = nullptr;

  ~Scene() {
    if (scene) rtcReleaseScene(scene);
  }

  struct Search {
    const Scene* self;
    Float3 point;
    SurfacePoint best;
  };

  static bool look_at_face(RTCPointQueryFunctionArguments* arguments) {
    auto& search = *static_cast<Search*>(arguments->userPtr);
    const Int3& face = search.self->faces[arguments->primID];
    const auto& v = search.self->vertices;
    const Float3 &a = v[face[0]], &b = v[face[1]], &c = v[face[2]];
    const Float3 weights = nearest_weights(search.point, a, b, c);
    Float3 off = search.point;
    for (size_t axis = 0; axis < 3; ++axis) {
      off[axis] -= weights[0] * a[axis] + weights[1] * b[axis] + weights[2] * c[axis];
    }
    const float distance = length(off);
    if (!(distance < search.best.distance)) return false;
    search.best = {search.self->names[arguments->primID], distance, weights};
    arguments->query->radius = distance;
    return true;
  }
};

Rays::Rays(const Surface& surface, const std::vector<bool>& is_taken) : scene_(std::make_unique<Scene>()) {
  Scene& self = *scene_;
  for (size_t i = 0; i < surface.faces.size(); ++i) {
    if (!is_taken.empty() && !is_taken[i]) continue;
    self.faces.push_back(surface.faces[i]);
    self.names.push_back(static_cast<int32_t>(i));
  }
  self.vertices = surface.vertices;
  self.vertices.push_back({});  // Embree reads 16 bytes of the last vertex
  self.scene = rtcNewScene(device());
  const RTCGeometry geometry = rtcNewGeometry(device(), RTC_GEOMETRY_TYPE_TRIANGLE);
  rtcSetSceneFlags(self.scene, RTC_SCENE_FLAG_ROBUST);
  rtcSetSharedGeometryBuffer(geometry, RTC_BUFFER_TYPE_VERTEX, 0, RTC_FORMAT_FLOAT3, self.vertices.data(), 0,
                             sizeof(Float3), self.vertices.size() - 1);
  rtcSetSharedGeometryBuffer(geometry, RTC_BUFFER_TYPE_INDEX, 0, RTC_FORMAT_UINT3, self.faces.data(), 0,
                             sizeof(Int3), self.faces.size());
  rtcSetGeometryPointQueryFunction(geometry, &Scene::look_at_face);
  rtcCommitGeometry(geometry);
  rtcAttachGeometry(self.scene, geometry);
  rtcReleaseGeometry(geometry);
  rtcCommitScene(self.scene);
  if (rtcGetDeviceError(device()) != RTC_ERROR_NONE) {
    throw Error(ErrorCode::kOutOfMemory, "Embree could not take the triangles.",
                "Make fewer objects at a time with --threads.");
  }
}

Rays::~Rays() = default;

std::optional<SurfacePoint> Rays::first(const Float3& origin, const Float3& direction, float near) const {
  RTCRayHit ray{};
  ray.ray = {.org_x = origin[0],
             .org_y = origin[1],
             .org_z = origin[2],
             .tnear = near,
             .dir_x = direction[0],
             .dir_y = direction[1],
             .dir_z = direction[2],
             .time = 0,
             .tfar = std::numeric_limits<float>::infinity(),
             .mask = ~0u,
             .id = 0,
             .flags = 0};
  ray.hit.geomID = RTC_INVALID_GEOMETRY_ID;
  RTCIntersectContext context;
  rtcInitIntersectContext(&context);
  rtcIntersect1(scene_->scene, &context, &ray);
  if (ray.hit.geomID == RTC_INVALID_GEOMETRY_ID) return std::nullopt;
  return SurfacePoint{scene_->names[ray.hit.primID], ray.ray.tfar,
                      Float3{1 - ray.hit.u - ray.hit.v, ray.hit.u, ray.hit.v}};
}

bool Rays::is_blocked(const Float3& origin, const Float3& direction, float near, float far) const {
  RTCRay ray{.org_x = origin[0],
             .org_y = origin[1],
             .org_z = origin[2],
             .tnear = near,
             .dir_x = direction[0],
             .dir_y = direction[1],
             .dir_z = direction[2],
             .time = 0,
             .tfar = far,
             .mask = ~0u,
             .id = 0,
             .flags = 0};
  RTCIntersectContext context;
  rtcInitIntersectContext(&context);
  rtcOccluded1(scene_->scene, &context, &ray);
  return ray.tfar < 0;
}

std::optional<SurfacePoint> Rays::nearest(const Float3& point) const {
  if (scene_->faces.empty()) return std::nullopt;
  RTCPointQuery query{.x = point[0],
                      .y = point[1],
                      .z = point[2],
                      .time = 0,
                      .radius = std::numeric_limits<float>::infinity()};
  RTCPointQueryContext context;
  rtcInitPointQueryContext(&context);
  Scene::Search search{scene_.get(), point, {-1, std::numeric_limits<float>::infinity(), {}}};
  rtcPointQuery(scene_->scene, &query, &context, nullptr, &search);
  if (search.best.face < 0) return std::nullopt;
  return search.best;
}

}  // namespace relievo

#include "texture/grown_charts.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <mutex>
#include <unordered_map>

#include <xatlas.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/vectors.h"
#include "texture/parts.h"

namespace relievo {
namespace {

// The number of faces of a part: small enough that parts keep all threads busy and that xatlas's
// faster-than-linear growth does not matter, large enough that cutting does not decide the number of charts.
constexpr int kPartFaces = 4000;

// xatlas packs each part before it reports its charts; at this size it rounds their extents little.
constexpr float kPartSide = 768;

// This is half of xatlas's default: charts end earlier, so they are flatter, laid out faster, and seldom fall
// apart.
constexpr float kMaxCost = 1;

/// The progress of all parts together.
struct Work {
  const Control& control;
  std::atomic<int64_t> done{0};  // faces, times kSteps
  int64_t total = 1;

  static constexpr int kSteps = 100;
};

/// One part's share of the work. xatlas calls report() with percentages of several phases.
struct PartWork {
  Work& work;
  int64_t faces;
  int64_t reported = 0;

  bool report(xatlas::ProgressCategory category, int percent) {
    if (category == xatlas::ProgressCategory::ComputeCharts) {
      const int64_t now = faces * percent;
      const int64_t sum = work.done.fetch_add(now - reported) + now - reported;
      reported = now;
      work.control.progress.report(static_cast<double>(sum) / static_cast<double>(work.total));
    }
    return !work.control.cancel.cancelled();
  }
};

/// xatlas prints its warnings on standard output, which belongs to the program's answer.
void silence_xatlas() {
  static std::once_flag once;
  std::call_once(once, [] { xatlas::SetPrint(nullptr, false); });
}

struct DestroyAtlas {
  void operator()(xatlas::Atlas* atlas) const { xatlas::Destroy(atlas); }
};

/// A part of the surface as a surface of its own.
struct Part {
  std::vector<Float3> vertices;
  std::vector<uint32_t> indices;
  std::vector<int32_t> faces;  // of the whole surface
  double area = 0;
};

Part take_part(const Surface& surface, const std::vector<int32_t>& faces) {
  Part part;
  std::unordered_map<int32_t, uint32_t> number;
  number.reserve(faces.size());
  for (const int32_t f : faces) {
    const double area = length(area_normal(surface, surface.faces[f])) / 2;
    if (!(area > 0)) continue;
    part.area += area;
    part.faces.push_back(f);
    for (const int32_t v : surface.faces[f]) {
      const auto [found, is_new] = number.emplace(v, static_cast<uint32_t>(part.vertices.size()));
      if (is_new) part.vertices.push_back(surface.vertices[v]);
      part.indices.push_back(found->second);
    }
  }
  return part;
}

/// Lays a face out by itself, its first edge along u.
Chart lone_face(const Surface& surface, int32_t face) {
  const Int3& corners = surface.faces[face];
  const Float3 along = minus(surface.vertices[corners[1]], surface.vertices[corners[0]]);
  const Float3 other = minus(surface.vertices[corners[2]], surface.vertices[corners[0]]);
  const float across = length(along);
  Chart chart{.faces = {face}, .corner_uv = {}};
  chart.corner_uv.push_back({Float2{0, 0}, Float2{across, 0},
                             Float2{across > 0 ? dot(along, other) / across : 0.0f,
                                    across > 0 ? length(area_normal(surface, corners)) / across : 0.0f}});
  normalise(chart, surface);
  return chart;
}

std::vector<Chart> charts_of_part(const Surface& surface, const std::vector<int32_t>& faces, Work& work) {
  const Part part = take_part(surface, faces);
  std::vector<Chart> charts;
  if (part.faces.empty()) return charts;
  const std::unique_ptr<xatlas::Atlas, DestroyAtlas> atlas(xatlas::Create());
  PartWork own{work, static_cast<int64_t>(faces.size())};
  xatlas::SetProgressCallback(
      atlas.get(),
      [](xatlas::ProgressCategory category, int percent, void* user) {
        return static_cast<PartWork*>(user)->report(category, percent);
      },
      &own);
  xatlas::MeshDecl mesh;
  mesh.vertexPositionData = part.vertices.data();
  mesh.vertexPositionStride = sizeof(Float3);
  mesh.vertexCount = static_cast<uint32_t>(part.vertices.size());
  mesh.indexData = part.indices.data();
  mesh.indexCount = static_cast<uint32_t>(part.indices.size());
  mesh.indexFormat = xatlas::IndexFormat::UInt32;
  // Vertices are the same only where the surface says so, not where they are near.
  mesh.epsilon = 0;
  if (xatlas::AddMesh(atlas.get(), mesh) != xatlas::AddMeshError::Success) {
    throw Error(ErrorCode::kInternal, "xatlas refused the surface.");
  }
  xatlas::ChartOptions growth;
  growth.fixWinding = true;
  growth.maxCost = kMaxCost;
  xatlas::ComputeCharts(atlas.get(), growth);
  work.control.cancel.check();
  xatlas::PackOptions packing;
  packing.texelsPerUnit = kPartSide / static_cast<float>(std::sqrt(part.area));
  packing.bilinear = false;
  packing.rotateCharts = false;  // rotating would mirror them
  xatlas::PackCharts(atlas.get(), packing);
  work.control.cancel.check();
  if (atlas->meshCount != 1) throw Error(ErrorCode::kInternal, "xatlas returned no charts.");

  const xatlas::Mesh& out = atlas->meshes[0];
  std::unordered_map<int32_t, size_t> number;
  for (size_t i = 0; i < part.faces.size(); ++i) {
    const int32_t chart = out.vertexArray[out.indexArray[3 * i]].chartIndex;
    if (chart < 0) {
      charts.push_back(lone_face(surface, part.faces[i]));
      continue;
    }
    const auto [found, is_new] = number.emplace(chart, charts.size());
    if (is_new) charts.emplace_back();
    Chart& into = charts[found->second];
    into.faces.push_back(part.faces[i]);
    auto& corners = into.corner_uv.emplace_back();
    for (size_t corner = 0; corner < 3; ++corner) {
      const float* uv = out.vertexArray[out.indexArray[3 * i + corner]].uv;
      corners[corner] = {uv[0], uv[1]};
    }
  }
  for (Chart& chart : charts) normalise(chart, surface);
  own.report(xatlas::ProgressCategory::ComputeCharts, Work::kSteps);
  return charts;
}

}  // namespace

std::vector<Chart> grow_charts(const Surface& surface, const Control& control) {
  control.step(0);
  silence_xatlas();
  const std::vector<std::vector<int32_t>> parts = cut_into_parts(surface, kPartFaces);
  control.cancel.check();
  Work work{control};
  work.total = std::max<int64_t>(static_cast<int64_t>(surface.faces.size()) * Work::kSteps, 1);
  std::vector<std::vector<Chart>> found(parts.size());
  parallel_for(static_cast<int64_t>(parts.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      if (!control.cancel.cancelled()) found[i] = charts_of_part(surface, parts[i], work);
    }
  });
  control.cancel.check();
  std::vector<Chart> charts;
  for (std::vector<Chart>& some : found) std::ranges::move(some, std::back_inserter(charts));
  return charts;
}

}  // namespace relievo

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <tuple>
#include <vector>

#include "base/vectors.h"
#include "check/parts.h"
#include "surface/disjoint_sets.h"
#include "surface/weld.h"

namespace relievo {
namespace {

constexpr int kLargestRaster = 2048;  // texels a side of the raster that overlaps are counted on
constexpr int64_t kSubtexels = 256;   // places a texel that corners are rounded to

using Uv = std::array<Float2, 3>;

bool is_finite(const Uv& uv) {
  return std::ranges::all_of(uv, [](const Float2& p) { return std::isfinite(p[0]) && std::isfinite(p[1]); });
}

/// A texture with the faces that it lies on. Faces without one make up a texture of their own.
struct Sheet {
  const ByteImage* picture = nullptr;
  int width = kSideWithoutTexture;
  int height = kSideWithoutTexture;
  std::vector<int32_t> faces = {};

  double texels() const { return double{static_cast<double>(width)} * height; }
};

std::vector<Sheet> sheets_of(const MeshFile& mesh) {
  std::vector<Sheet> sheets(mesh.textures.size() + 1);
  for (size_t i = 0; i < mesh.textures.size(); ++i) {
    sheets[i] = {&mesh.textures[i], mesh.textures[i].width, mesh.textures[i].height};
  }
  for (size_t face = 0; face < mesh.corner_uv.size(); ++face) {
    if (!is_finite(mesh.corner_uv[face])) continue;
    const int32_t texture = mesh.face_texture[face];
    sheets[texture < 0 ? mesh.textures.size() : static_cast<size_t>(texture)].faces.push_back(
        static_cast<int32_t>(face));
  }
  std::erase_if(sheets, [](const Sheet& sheet) { return sheet.faces.empty(); });
  return sheets;
}

/// Of a face, in parts of the texture.
double uv_area(const Uv& uv) {
  const double ax = double{uv[1][0]} - uv[0][0], ay = double{uv[1][1]} - uv[0][1];
  const double bx = double{uv[2][0]} - uv[0][0], by = double{uv[2][1]} - uv[0][1];
  return std::abs(ax * by - ay * bx) / 2;
}

/// A side of a face in space and in the texture, by which neighbours in a chart are found.
struct UvSide {
  int32_t low = 0, high = 0;  // places
  Float2 uv_low{}, uv_high{};
  int32_t face = 0;

  auto key() const { return std::tie(low, high, uv_low, uv_high); }
};

/// The texels of each chart: faces of a sheet that share an edge in space and in the texture.
std::vector<double> chart_texels(const MeshFile& mesh, const std::vector<int32_t>& places,
                                 const Sheet& sheet) {
  std::vector<UvSide> sides;
  sides.reserve(3 * sheet.faces.size());
  for (int32_t i = 0; i < static_cast<int32_t>(sheet.faces.size()); ++i) {
    const Int3& face = mesh.surface.faces[sheet.faces[i]];
    const Uv& uv = mesh.corner_uv[sheet.faces[i]];
    for (size_t from = 0; from < 3; ++from) {
      const size_t to = (from + 1) % 3;
      UvSide side{places[face[from]], places[face[to]], uv[from], uv[to], i};
      if (side.low > side.high) {
        std::swap(side.low, side.high);
        std::swap(side.uv_low, side.uv_high);
      }
      sides.push_back(side);
    }
  }
  std::ranges::sort(sides, [](const UvSide& a, const UvSide& b) { return a.key() < b.key(); });
  DisjointSets sets(sheet.faces.size());
  for (size_t i = 1; i < sides.size(); ++i) {
    if (sides[i].key() == sides[i - 1].key()) sets.join(sides[i - 1].face, sides[i].face);
  }
  std::vector<double> texels(sheet.faces.size());
  std::vector<char> is_root(sheet.faces.size());
  for (int32_t i = 0; i < static_cast<int32_t>(sheet.faces.size()); ++i) {
    texels[sets.root(i)] += uv_area(mesh.corner_uv[sheet.faces[i]]) * sheet.texels();
    is_root[sets.root(i)] = 1;
  }
  std::vector<double> of_charts;
  for (size_t i = 0; i < texels.size(); ++i) {
    if (is_root[i]) of_charts.push_back(texels[i]);
  }
  return of_charts;
}

/// Counts how many faces cover each texel's centre. Texels on an edge belong to one of its two faces.
class Raster {
 public:
  explicit Raster(const Sheet& sheet) {
    const double scale = std::min(1.0, double{kLargestRaster} / std::max(sheet.width, sheet.height));
    width_ = std::max<int64_t>(1, std::llround(sheet.width * scale));
    height_ = std::max<int64_t>(1, std::llround(sheet.height * scale));
    counts_.resize(static_cast<size_t>(width_ * height_));
    left_ = counts_.size();
  }

  /// UVs beyond 0..1 repeat the texture. A face that is wider than the texture lies on itself and counts
  /// twice everywhere.
  void add(const Uv& uv) {
    if (left_ == 0) return;
    std::array<std::array<int64_t, 2>, 3> corners{};
    for (size_t axis = 0; axis < 2; ++axis) {
      const auto [low, high] = std::minmax({uv[0][axis], uv[1][axis], uv[2][axis]});
      if (double{high} - low > 1) {
        std::ranges::fill(counts_, uint8_t{2});
        left_ = 0;
        return;
      }
      const double size = static_cast<double>(axis == 0 ? width_ : height_) * kSubtexels;
      for (size_t i = 0; i < 3; ++i)
        corners[i][axis] = std::llround((double{uv[i][axis]} - std::floor(double{low})) * size);
    }
    const int64_t area = cross(corners[0], corners[1], corners[2]);
    if (area == 0) return;
    if (area < 0) std::swap(corners[1], corners[2]);
    fill(corners);
  }

  int64_t covered() const {
    return std::ranges::count_if(counts_, [](uint8_t count) { return count > 0; });
  }
  int64_t overlapped() const {
    return std::ranges::count_if(counts_, [](uint8_t count) { return count > 1; });
  }
  size_t texels() const { return counts_.size(); }

  /// The covered texels at which the picture is black.
  int64_t black(const ByteImage& picture) const {
    int64_t count = 0;
    for (int64_t y = 0; y < height_; ++y) {
      for (int64_t x = 0; x < width_; ++x) {
        if (counts_[static_cast<size_t>(y * width_ + x)] == 0) continue;
        // Row 0 of the raster is at the bottom.
        const auto row = static_cast<int>((height_ - 1 - y) * picture.height / height_);
        const uint8_t* texel = picture.pixel(static_cast<int>(x * picture.width / width_), row);
        count += std::all_of(texel, texel + std::min(picture.channels, 3), [](uint8_t c) { return c == 0; });
      }
    }
    return count;
  }

 private:
  using Corner = std::array<int64_t, 2>;

  static int64_t cross(const Corner& a, const Corner& b, const Corner& p) {
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
  }

  /// `corners` run counter-clockwise.
  void fill(const std::array<Corner, 3>& corners) {
    std::array<int64_t, 2> low{}, high{};
    for (size_t axis = 0; axis < 2; ++axis) {
      const auto [least, most] = std::minmax({corners[0][axis], corners[1][axis], corners[2][axis]});
      low[axis] = least / kSubtexels;
      high[axis] = most / kSubtexels;
    }
    for (int64_t y = low[1]; y <= high[1]; ++y) {
      for (int64_t x = low[0]; x <= high[0]; ++x) {
        const Corner centre{x * kSubtexels + kSubtexels / 2, y * kSubtexels + kSubtexels / 2};
        if (!holds(corners, centre)) continue;
        uint8_t& count = counts_[static_cast<size_t>((y % height_) * width_ + x % width_)];
        if (count == 2) continue;
        left_ -= ++count == 2;
      }
    }
  }

  static bool holds(const std::array<Corner, 3>& corners, const Corner& point) {
    for (size_t i = 0; i < 3; ++i) {
      const Corner &a = corners[i], &b = corners[(i + 1) % 3];
      const int64_t side = cross(a, b, point);
      // Of the two faces at an edge, one has it running to the left, or down where it is upright.
      const bool has_edge = b[1] != a[1] ? b[1] < a[1] : b[0] < a[0];
      if (side < 0 || (side == 0 && !has_edge)) return false;
    }
    return true;
  }

  int64_t width_ = 0, height_ = 0;
  std::vector<uint8_t> counts_;  // 0, 1 or 2 for more
  size_t left_ = 0;              // texels that may still be covered by another face
};

/// The 95th percentile over the 5th of the values, each of which counts by its weight.
double spread_of(std::vector<std::pair<double, double>> values) {
  std::ranges::sort(values);
  double total = 0;
  for (const auto& [value, weight] : values) total += weight;
  const auto percentile = [&](double share) {
    double sum = 0;
    for (const auto& [value, weight] : values) {
      sum += weight;
      if (sum >= share * total) return value;
    }
    return values.empty() ? 0.0 : values.back().first;
  };
  const double low = percentile(0.05);
  return low > 0 ? percentile(0.95) / low : 0;
}

}  // namespace

void report_texture(const MeshFile& mesh, const CancelToken& cancel, MeshReport& report) {
  const std::vector<Sheet> sheets = sheets_of(mesh);
  report.has_uv = !sheets.empty();
  if (!report.has_uv) return;
  const std::vector<int32_t> places = first_at_place(mesh.surface.vertices);
  std::vector<std::pair<double, double>> densities;  // texels a length, and the face's area
  size_t unwrapped = 0, textured = 0, slivers = 0;
  double texels = 0, covered = 0, overlapped = 0, with_picture = 0, black = 0;
  for (const Sheet& sheet : sheets) {
    cancel.check();
    const std::vector<double> charts = chart_texels(mesh, places, sheet);
    report.charts += static_cast<int>(charts.size());
    slivers += static_cast<size_t>(std::ranges::count_if(charts, [](double t) { return t < kSliverTexels; }));
    Raster raster(sheet);
    for (const int32_t face : sheet.faces) {
      constexpr int32_t kFacesBetweenChecks = 4096;
      if (face % kFacesBetweenChecks == 0) cancel.check();
      const Uv& uv = mesh.corner_uv[face];
      raster.add(uv);
      const double area = length(area_normal_in_double(mesh.surface, mesh.surface.faces[face])) / 2;
      if (area > 0) densities.emplace_back(std::sqrt(uv_area(uv) * sheet.texels() / area), area);
    }
    unwrapped += sheet.faces.size();
    // Sheets of several sizes count by their texels.
    const double scale = sheet.texels() / static_cast<double>(raster.texels());
    texels += sheet.texels();
    covered += scale * static_cast<double>(raster.covered());
    overlapped += scale * static_cast<double>(raster.overlapped());
    if (sheet.picture == nullptr) continue;
    textured += sheet.faces.size();
    with_picture += scale * static_cast<double>(raster.covered());
    black += scale * static_cast<double>(raster.black(*sheet.picture));
  }
  report.has_texture = textured == mesh.surface.faces.size();
  report.slivers = static_cast<double>(slivers) / report.charts;
  report.uv_coverage = covered / texels;
  report.uv_overlap = covered > 0 ? overlapped / covered : 0;
  report.black_texels = with_picture > 0 ? black / with_picture : 0;
  report.density_spread = spread_of(std::move(densities));
}

}  // namespace relievo

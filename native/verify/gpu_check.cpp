#include "verify/gpu_check.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/format.h>
#include <torch/version.h>

#include "nn/layers.h"
#include "nn/noise.h"
#include "reconstruct/triplane_field.h"
#include "surface/surface.h"
#include "texture/projection.h"
#include "texture/texture.h"
#include "verify/check_list.h"
#include "verify/without_tf32.h"

namespace relievo {
namespace {

/// Random numbers that are the same everywhere, because they are drawn on the CPU.
at::Tensor random(at::IntArrayRef shape, uint32_t kind) {
  return draw_noise({.seed = 1}, kind, 0, shape, at::kCPU);
}

/// A dented ball whose numbers are computed on the CPU and moved, so that all devices get the same ones.
class DentedBall final : public Field {
 public:
  DentedBall(at::Device device, FieldKind kind) : device_(device), kind_(kind) {}

  FieldKind kind() const override { return kind_; }
  at::Device device() const override { return device_; }
  at::Tensor values(const at::Tensor& points) const override {
    const at::Tensor p = on_cpu(points);
    const at::Tensor distance = p.norm(2, -1) - 0.7 + 0.06 * (p * 9).sin().prod(-1);
    return on_device(kind_ == FieldKind::kSignedDistance ? distance : at::exp(distance * -20) * 10);
  }
  at::Tensor deformation(const at::Tensor& points, int grid) const override {
    return on_device((on_cpu(points) * 31).sin() / (5.0 * grid));
  }
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    const at::Tensor middle = on_cpu(corners).mean(1).sum(-1, true);
    return on_device((middle * at::arange(1, 22, at::kDouble)).sin());
  }
  at::Tensor colours(const at::Tensor& points) const override {
    return on_device((on_cpu(points) * 5).sin() * 0.5 + 0.5);
  }

 private:
  static at::Tensor on_cpu(const at::Tensor& x) { return x.to(at::kCPU).to(at::kDouble); }
  at::Tensor on_device(const at::Tensor& x) const { return x.to(at::kFloat).to(device_); }

  at::Device device_;
  FieldKind kind_;
};

Execution on(at::Device device) {
  Execution execution;
  execution.device = device;
  return execution;
}

Surface extracted(at::Device device, FieldKind kind) {
  return extract_surface(DentedBall(device, kind), {.grid = 48}, on(device));
}

/// The largest distance of corresponding vertices, of surfaces with the same faces.
double largest_distance(const Surface& one, const Surface& other) {
  if (one.faces != other.faces || one.vertices.size() != other.vertices.size()) return kNothingToCompare;
  double largest = 0;
  for (size_t i = 0; i < one.vertices.size(); ++i) {
    for (size_t axis = 0; axis < 3; ++axis) {
      largest = std::max(largest, std::abs(double{one.vertices[i][axis]} - other.vertices[i][axis]));
    }
  }
  return largest;
}

/// The share of bytes that differ by more than `step`.
double share_that_differs(const ByteImage& one, const ByteImage& other, int step) {
  if (one.pixels.size() != other.pixels.size() || one.pixels.empty()) return kNothingToCompare;
  size_t count = 0;
  for (size_t i = 0; i < one.pixels.size(); ++i) {
    count += std::abs(int{one.pixels[i]} - int{other.pixels[i]}) > step ? 1 : 0;
  }
  return static_cast<double>(count) / static_cast<double>(one.pixels.size());
}

double seconds_to_first_touch(at::Device device) {
  const auto begin = std::chrono::steady_clock::now();
  at::ones({1 << 20}, device).sum().item<float>();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double noise(at::Device device) {
  const at::IntArrayRef shape{1000001};
  const at::Tensor here = draw_noise({.seed = 3, .picture = 2}, 1, 4, shape, device).to(at::kCPU);
  const at::Tensor there = draw_noise({.seed = 3, .picture = 2}, 1, 4, shape, at::kCPU);
  return here.ne(there).sum().item<double>();
}

double triplane(at::Device device) {
  const at::Tensor planes = random({3, 40, 64, 64}, 1), points = random({100000, 3}, 2) * 0.4;
  return relative_error(sample_triplane(planes.to(device), points.to(device)),
                        sample_triplane(planes, points));
}

double surface(at::Device device, FieldKind kind) {
  return largest_distance(extracted(device, kind), extracted(at::kCPU, kind));
}

double texture(at::Device device) {
  const Surface detail = extracted(at::kCPU, FieldKind::kSignedDistance);
  Surface plain = detail;
  for (Float3& v : plain.vertices) {  // the ball without its dents, so that there is detail to be found
    const float norm = std::hypot(v[0], v[1], v[2]);
    for (float& x : v) x *= 0.7f / norm;
  }
  const auto baked = [&](at::Device on_which) {
    const DentedBall field(on_which, FieldKind::kSignedDistance);
    return texture_surface(plain, field, {.detail = &detail}, {.size = 256}, on(on_which));
  };
  const TexturedMesh here = baked(device), there = baked(at::kCPU);
  return std::max(share_that_differs(here.albedo, there.albedo, 1),
                  share_that_differs(here.normal_map, there.normal_map, 1));
}

double projection(at::Device device) {
  const Surface shape = extracted(at::kCPU, FieldKind::kSignedDistance);
  const auto count = static_cast<int64_t>(shape.vertices.size());
  const at::Tensor positions = at::empty({count, 3});
  std::memcpy(positions.mutable_data_ptr<float>(), shape.vertices.data(), positions.nbytes());
  const auto projected = [&](at::Device on_which) {
    const Projector projector(shape, Image(128, 128, 4, 1.0f), {}, on(on_which));
    const at::Tensor normals = positions / positions.norm(2, -1, true);
    const at::Tensor sums = at::zeros({count, 3}), weights = at::zeros({count}), best = at::zeros({count});
    projector.add(positions.const_data_ptr<float>(), normals.const_data_ptr<float>(), count,
                  sums.mutable_data_ptr<float>(), weights.mutable_data_ptr<float>(),
                  best.mutable_data_ptr<float>());
    return best;
  };
  return relative_error(projected(device), projected(at::kCPU));
}

/// Runs layers as the networks have them, in the precision, and compares them with the same in double.
double layers(at::Device device, at::ScalarType type) {
  const auto of = [&](at::Device where, at::ScalarType in) {
    const at::TensorOptions options = at::TensorOptions(where).dtype(in);
    const auto given = [&](at::IntArrayRef shape, uint32_t kind, double factor) {
      // The numbers are rounded alike for all, so that only the computation differs.
      return (random(shape, kind) * factor).to(type).to(options);
    };
    at::Tensor x = given({2, 64, 40, 40}, 3, 1);
    x = at::conv2d(x, given({128, 64, 3, 3}, 4, 0.05), given({128}, 5, 0.1), 1, 1);
    x = at::silu(at::group_norm(x, 32, given({128}, 6, 0.3) + 1, given({128}, 7, 0.3)));
    x = x.flatten(2).transpose(1, 2);
    x = at::linear(x, given({128, 128}, 8, 0.1));
    return multi_head_attention(x, x, x, 2);
  };
  return relative_error(of(device, type), of(at::kCPU, at::kDouble));
}

struct Check {
  const char* name;
  const char* unit;
  double limit;
  double (*run)(at::Device);
};

// Kernels compute the same bits where IEEE 754 defines them; a surface's vertices and colours also pass
// through exponentials of the device's own.
constexpr Check kChecks[] = {
    {"first touch", "s", 60, seconds_to_first_touch},
    {"noise", "numbers that differ", 0, noise},
    {"triplane sampling", "relative error", 1e-6, triplane},
    {"FlexiCubes", "box units", 1e-5, [](at::Device d) { return surface(d, FieldKind::kSignedDistance); }},
    {"marching cubes", "box units", 1e-5, [](at::Device d) { return surface(d, FieldKind::kDensity); }},
    {"texture and normal map", "share of texels", 1e-3, texture},
    {"projection", "relative error", 1e-4, projection},
    {"layers in float32", "relative error", 1e-4, [](at::Device d) { return layers(d, at::kFloat); }},
};

}  // namespace

double relative_error(const at::Tensor& found, const at::Tensor& reference) {
  const at::Tensor apart = found.to(at::kCPU).to(at::kDouble) - reference.to(at::kDouble);
  const double error = apart.abs().max().item<double>() / reference.abs().max().item<double>();
  return std::isfinite(error) ? error : kNothingToCompare;
}

LibraryVersions library_versions() {
  const auto version_of = [](auto ask, long major, long minor) -> std::string {
    try {
      const long number = ask();
      return fmt::format("{}.{}", number / major, number % major / minor);
    } catch (const c10::Error&) {
      return "none";  // there is no such library
    }
  };
  const at::CUDAHooksInterface& hooks = at::detail::getCUDAHooks();
  return {TORCH_VERSION, version_of([&] { return hooks.versionCUDART(); }, 1000, 10),
          version_of([&] { return hooks.versionRuntimeCuDNN(); }, 10000, 100)};
}

std::string half_of(const Worker& worker) { return worker.half.empty() ? "bf16" : worker.half; }

std::string device_name(const Worker& worker) {
  return worker.kind == DeviceKind::kCuda ? fmt::format("cuda:{}", worker.device) : "cpu";
}

std::vector<DeviceCheck> check_device(const std::string& device, const Control& control,
                                      const TellCheck& tell, const std::string& half) {
  const at::NoGradGuard no_grad;
  const WithoutTf32 exactly;
  CheckList list(device, control, tell, std::size(kChecks) + 1);
  for (const Check& check : kChecks) {
    list.run(check.name, check.unit, check.limit,
             [&](DeviceCheck& line) { line.number = check.run(at::Device(device)); });
  }
  // Float16 has three more bits than bfloat16.
  const bool is_bfloat16 = half != "fp16";
  list.run("layers in half precision", "relative error", is_bfloat16 ? 0.03 : 0.004, [&](DeviceCheck& line) {
    line.note = half;
    line.number = layers(at::Device(device), is_bfloat16 ? at::kBFloat16 : at::kHalf);
  });
  return list.take();
}

}  // namespace relievo

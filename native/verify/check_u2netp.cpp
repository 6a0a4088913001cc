#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/resample.h"
#include "files/pictures.h"
#include "foreground/published_crop.h"
#include "foreground/subject_map.h"
#include "foreground/u2net.h"
#include "nn/tensors.h"
#include "verify/byte_tensor.h"
#include "verify/checks.h"

namespace relievo {
namespace {

constexpr Tolerance kExact{};
constexpr Tolerance kNormalised{.absolute = 1e-5};
constexpr Tolerance kMaps{.absolute = 1e-4};
// Inner activations reach 24, and folding batch normalisation into the weights made some layers
// ill-conditioned: evaluated in float64, stage2d of the fixture is itself 7.5e-4 off. So the tolerance grows
// with the tensor, as for the other convolutional networks.
constexpr Tolerance kActivations{.relative = 1e-4};
/// For stage2d and stage1d. Biases of up to 1361 cancel in them, so float32 rounds differently with every
/// order of summation: the fixture itself is 7e-4 off what float64 gives.
constexpr Tolerance kCancelling{.relative = 1e-4};
constexpr Tolerance kOneStep{.absolute = 1};  // of 255

void check_activations(Fixture& fixture, const std::string& prefix, U2Net& network) {
  const Observer compare = [&](const std::string& name, const at::Tensor& value) {
    if (!fixture.has(prefix + name)) return;
    const bool cancels = name == "stage2d" || name == "stage1d";
    fixture.compare(prefix + name, value, cancels ? kCancelling : kActivations);
  };
  const auto maps = network.forward(fixture.read(prefix + "input"), compare);
  for (size_t i = 0; i < maps.size(); ++i) {
    if (const std::string name = fmt::format("{}d{}", prefix, i); fixture.has(name))
      fixture.compare(name, maps[i], kMaps);
  }
}

Mask map_from_tensor(const at::Tensor& map) {  // [H, W]
  Mask mask(static_cast<int>(map.size(1)), static_cast<int>(map.size(0)));
  const at::Tensor source = map.contiguous();
  std::copy_n(source.data_ptr<float>(), mask.values.size(), mask.values.begin());
  return mask;
}

/// `<picture>/`: the whole way from the PNG beside to the cut-out. Each step on bytes starts from the
/// fixture's own input to it, so that it can be compared exactly; the mask is also compared end to end.
void check_picture(Fixture& fixture, const std::string& case_name, U2Net& network) {
  const std::string prefix = case_name + "/";
  const ByteImage picture = to_bytes(read_picture(fixture.folder() / fmt::format("{}.png", case_name)));
  const ByteImage resized = resample(picture, kSubjectMapSide, kSubjectMapSide, ResampleFilter::kLanczos);
  if (fixture.has(prefix + "resized_u8")) {
    fixture.compare(prefix + "resized_u8", tensor_from_bytes(resized), kExact);
  }
  if (const std::string name = prefix + "net_input_crop"; fixture.has(name)) {
    const at::Tensor theirs = fixture.read(name);
    const at::Tensor ours = network_input(resized)[0];
    fixture.compare(name, ours.slice(1, 0, theirs.size(1)).slice(2, 0, theirs.size(2)), kNormalised);
  }
  const Mask map = subject_map(picture, network, {});
  fixture.compare(prefix + "d0",
                  at::from_blob(const_cast<float*>(map.values.data()), {map.height, map.width}, at::kFloat),
                  kMaps);
  if (const std::string name = prefix + "mask_u8"; fixture.has(name)) {
    const auto mask_of = [&](const Mask& raw) {
      return tensor_from_bytes(published_mask(raw, picture.width, picture.height)).squeeze(-1);
    };
    fixture.compare(name, mask_of(map_from_tensor(fixture.read(prefix + "d0"))), kExact);
    fixture.compare(name, mask_of(map), kOneStep);
    if (fixture.has(prefix + "cutout_rgba")) {
      const ByteImage mask = bytes_from_tensor(fixture.read(name));
      fixture.compare(prefix + "cutout_rgba", tensor_from_bytes(published_cut_out(picture, mask)), kExact);
    }
  }
}

}  // namespace

void check_u2netp(Fixture& fixture) {
  U2Net network(U2NetSize::kSmall);
  load_strict(network, fixture.weights(), "", {});
  fixture.for_each_case([&](const std::string& name) {
    if (fixture.has(name + "/input")) {
      check_activations(fixture, name + "/", network);
    } else {
      check_picture(fixture, name, network);
    }
  });
}

}  // namespace relievo

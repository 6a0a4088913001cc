#include "nn/feature_maps.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "kernels/group_norm.h"
#include "nn/launch.h"

namespace relievo {
namespace {

int64_t pixels_of(const at::Tensor& x) { return x.size(2) * x.size(3); }

/// Takes each map's channel moments in one launch. `complete(i, moments)` says what besides `x` they are of.
template <typename Complete>
void find_moments(FeatureMaps& maps, const Complete& complete) {
  kernels::TwoChannelMoments all{.type = number_type(maps.front().x)};
  for (size_t i = 0; i < maps.size(); ++i) {
    kernels::ChannelMoments& moments = all.picture[i];
    const at::Tensor& x = maps[i].x;
    moments.in = x.const_data_ptr();
    moments.in_stride = x.stride(0);
    moments.batch = x.size(0);
    moments.pixels = pixels_of(x);
    moments.channels = x.size(1);
    complete(i, moments);
    maps[i].moments = at::empty({moments.batch, moments.blocks(), moments.channels, 2},
                                at::TensorOptions(x.device()).dtype(at::kFloat));
    moments.moments = maps[i].moments.mutable_data_ptr<float>();
  }
  launch_on_gpu(maps.front().x.device(), RELIEVO_GPU_LAUNCHER(find_channel_moments), all);
}

/// Where a map's result goes: [B, h w, C], whose items are `stride` numbers apart.
struct Destination {
  void* data = nullptr;
  int64_t stride = 0;
};

void normalise(const GroupNorm& norm, FeatureMaps& maps, const at::Tensor& shift, bool with_silu,
               const std::vector<Destination>& out) {
  const void* const shifts = shift.defined() ? shift.const_data_ptr() : nullptr;
  if (shifts || std::ranges::any_of(maps, [](const FeatureMap& map) { return !map.moments.defined(); })) {
    find_moments(maps, [&](size_t, kernels::ChannelMoments& moments) { moments.shift = shifts; });
  }
  kernels::TwoNormalisations all{.type = number_type(maps.front().x),
                                 .weight = norm.weight.const_data_ptr(),
                                 .bias = norm.bias.const_data_ptr(),
                                 .channels = maps.front().x.size(1),
                                 .groups = norm.groups,
                                 .epsilon = static_cast<float>(norm.epsilon),
                                 .with_silu = with_silu};
  for (size_t i = 0; i < maps.size(); ++i) {
    const at::Tensor& x = maps[i].x;
    all.picture[i] = {.in = x.const_data_ptr(),
                      .in_stride = x.stride(0),
                      .shift = shifts,
                      .moments = maps[i].moments.const_data_ptr<float>(),
                      .out = out[i].data,
                      .out_stride = out[i].stride,
                      .batch = x.size(0),
                      .pixels = pixels_of(x)};
  }
  launch_on_gpu(maps.front().x.device(), RELIEVO_GPU_LAUNCHER(normalise), all);
}

int64_t all_pixels(const FeatureMaps& maps) {
  int64_t sum = 0;
  for (const FeatureMap& map : maps) sum += pixels_of(map.x);
  return sum;
}

}  // namespace

std::vector<at::Tensor> silu_norm(const GroupNorm& norm, FeatureMaps& maps, const at::Tensor& shift) {
  std::vector<at::Tensor> results;
  std::vector<Destination> out;
  for (const FeatureMap& map : maps) {
    results.push_back(
        at::empty(map.x.sizes(), map.x.options().memory_format(at::MemoryFormat::ChannelsLast)));
    out.push_back({results.back().mutable_data_ptr(), pixels_of(map.x) * map.x.size(1)});
  }
  normalise(norm, maps, shift, true, out);
  return results;
}

at::Tensor token_norm(const GroupNorm& norm, FeatureMaps& maps) {
  const at::Tensor& first = maps.front().x;
  const at::Tensor tokens = at::empty({first.size(0), all_pixels(maps), first.size(1)},
                                      at::TensorOptions(first.device()).dtype(first.scalar_type()));
  std::vector<Destination> out;
  int64_t before = 0;
  for (const FeatureMap& map : maps) {
    out.push_back({tokens.select(1, before).mutable_data_ptr(), tokens.stride(0)});
    before += pixels_of(map.x);
  }
  normalise(norm, maps, {}, false, out);
  return tokens;
}

void add_branches(FeatureMaps& maps, const std::vector<at::Tensor>& branches) {
  find_moments(maps, [&](size_t i, kernels::ChannelMoments& moments) {
    moments.addend = branches[i].const_data_ptr();
    moments.addend_stride = moments.pixels * moments.channels;
    moments.out = branches[i].mutable_data_ptr();
    moments.out_stride = moments.addend_stride;
  });
  for (size_t i = 0; i < maps.size(); ++i) maps[i].x = branches[i];
}

void add_tokens(FeatureMaps& maps, const at::Tensor& tokens) {
  int64_t before = 0;
  find_moments(maps, [&](size_t i, kernels::ChannelMoments& moments) {
    moments.addend = tokens.select(1, before).const_data_ptr();
    moments.addend_stride = tokens.stride(0);
    moments.out = maps[i].x.mutable_data_ptr();
    moments.out_stride = maps[i].x.stride(0);
    before += moments.pixels;
  });
}

at::Tensor join(FeatureMaps& maps, const std::vector<at::Tensor>& skips) {
  const at::Tensor& first = maps.front().x;
  const int64_t channels = first.size(1) + skips.front().size(1);
  const at::Tensor tokens = at::empty({first.size(0), all_pixels(maps), channels},
                                      at::TensorOptions(first.device()).dtype(first.scalar_type()));
  std::vector<at::Tensor> joined;
  int64_t before = 0;
  find_moments(maps, [&](size_t i, kernels::ChannelMoments& moments) {
    const at::Tensor& x = maps[i].x;
    moments.joined = skips[i].size(1);
    moments.channels = channels;
    moments.addend = skips[i].const_data_ptr();
    moments.addend_stride = moments.pixels * moments.joined;
    const at::Tensor own = tokens.narrow(1, before, moments.pixels);
    joined.push_back(own.unflatten(1, {x.size(2), x.size(3)}).permute({0, 3, 1, 2}));
    moments.out = own.mutable_data_ptr();
    moments.out_stride = tokens.stride(0);
    before += moments.pixels;
  });
  for (size_t i = 0; i < maps.size(); ++i) maps[i].x = joined[i];
  return tokens;
}

}  // namespace relievo

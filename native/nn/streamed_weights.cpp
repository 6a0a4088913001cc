#include "nn/streamed_weights.h"

#include <utility>

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

namespace relievo {
namespace {

constexpr size_t kAhead = 2;

}  // namespace

StreamedWeights::~StreamedWeights() { end(); }

void StreamedWeights::keep(std::vector<StoredWeight> weights, const std::string& name,
                           const Execution& execution) {
  execution_ = execution;
  execution_.streamed.reset();
  name_ = name;
  nothing_ = at::empty({1}, execution.options());
  for (StoredWeight& weight : weights) {
    // Of the right kind from the beginning, because a network asks its parameters for device and precision.
    weight.parameter.set_data(nothing_.expand(weight.stored.sizes()));
    kept_.push_back(std::move(weight));
  }
}

void StreamedWeights::set_layers(const std::vector<std::vector<at::Tensor>>& layers) {
  std::vector<StoredWeight> staying;
  layers_.resize(layers.size());
  for (StoredWeight& weight : kept_) {
    Layer* owner = nullptr;
    for (size_t i = 0; i < layers.size() && !owner; ++i) {
      for (const at::Tensor& parameter : layers[i]) {
        if (parameter.is_same(weight.parameter)) owner = &layers_[i];
      }
    }
    (owner ? owner->weights : staying).push_back(std::move(weight));
  }
  kept_.clear();
  for (size_t i = 0; i < layers_.size(); ++i) layers_[i].name = fmt::format("{}|{}", name_, i);
  load(staying, name_ + "|stays");
}

void StreamedWeights::load(const std::vector<StoredWeight>& weights, const std::string& name) const {
  if (weights.empty()) return;
  if (execution_.device.is_cuda()) return place_on_gpu(weights, name, execution_);
  for (const StoredWeight& weight : weights) {
    const at::Tensor copy = at::empty(weight.stored.sizes(), execution_.options());
    copy.copy_(weight.stored);
    weight.parameter.set_data(copy);
  }
}

void StreamedWeights::begin(Beside beside) { beside_ = std::move(beside); }

void StreamedWeights::start(size_t layer) {
  Layer& coming = layers_[layer];
  if (coming.is_here || coming.arrival.valid() || !beside_) return;
  coming.arrival = beside_([this, &coming] { load(coming.weights, coming.name); });
}

/// Whether the layer arrived is known by `is_here`; what hindered it is left to its own turn.
void StreamedWeights::finish_arrival(Layer& layer) noexcept {
  if (!layer.arrival.valid()) return;
  try {
    layer.arrival.get();
    layer.is_here = true;
  } catch (...) {
    let_go(layer);
  }
}

void StreamedWeights::let_go(Layer& layer) {
  for (StoredWeight& weight : layer.weights)
    weight.parameter.set_data(nothing_.expand(weight.stored.sizes()));
  layer.is_here = false;
}

/// The layer that was needed before stays where a GPU may still compute it: it need not be the one in front,
/// and comes last in a step.
bool StreamedWeights::is_wanted(size_t layer, size_t needed, size_t before) const {
  return (stream_ && layer == before) || (layer >= needed && layer <= needed + kAhead);
}

void StreamedWeights::let_go_of_others(size_t needed, size_t before) {
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (is_wanted(i, needed, before)) continue;
    finish_arrival(layers_[i]);
    if (layers_[i].is_here) let_go(layers_[i]);
  }
}

void StreamedWeights::need(size_t layer) {
  if (execution_.device.is_cuda()) {
    if (computed_) computed_->synchronize();
    stream_ = c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(execution_.device);
    computed_.emplace(c10::kCUDA).record(*stream_);
  }
  let_go_of_others(layer, std::exchange(needed_, layer));
  finish_arrival(layers_[layer]);
  if (!layers_[layer].is_here) {
    load(layers_[layer].weights, layers_[layer].name);
    layers_[layer].is_here = true;
  }
  for (size_t i = layer + 1; i <= layer + kAhead && i < layers_.size(); ++i) start(i);
}

void StreamedWeights::end() noexcept {
  try {
    if (stream_) stream_->synchronize();
  } catch (...) {  // the device is lost, and nothing computes on it any more
  }
  computed_.reset();
  stream_.reset();
  for (Layer& layer : layers_) {
    finish_arrival(layer);
    if (layer.is_here) let_go(layer);
  }
  beside_ = {};
}

}  // namespace relievo

// Weights of a network that has no room on its device: they wait in host memory, come to the device layer by
// layer, two layers ahead of the one that computes, and go again.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include "nn/device_weights.h"

namespace relievo {

/// The weights of one network, or of several that compute one after the other. All calls but those of the
/// tasks come from the worker's thread.
class StreamedWeights {
 public:
  /// Runs a task on a second thread of the worker.
  using Beside = std::function<std::future<void>(std::function<void()> task)>;

  StreamedWeights() = default;
  ~StreamedWeights();
  StreamedWeights(const StreamedWeights&) = delete;
  StreamedWeights& operator=(const StreamedWeights&) = delete;

  /// Takes what load_strict would have loaded. On a GPU the weights are cast once and wait in the execution's
  /// WaitingWeights; on the CPU they stay in their file and are copied from there.
  void keep(std::vector<StoredWeight> weights, const std::string& name, const Execution& execution);

  /// Names the parameters of each layer, in the order in which the layers compute. Those of none are loaded
  /// now and stay.
  void set_layers(const std::vector<std::vector<at::Tensor>>& layers);

  /// From now on layers come by these tasks; without them each comes when it is needed.
  void begin(Beside beside);
  /// Waits until the layer is there, lets those before it go and those after it come. Throws what loading
  /// throws.
  void need(size_t layer);
  /// All layers go.
  void end() noexcept;

 private:
  struct Layer {
    std::vector<StoredWeight> weights;
    std::string name;
    std::future<void> arrival;
    bool is_here = false;
  };

  bool is_wanted(size_t layer, size_t needed, size_t before) const;
  void load(const std::vector<StoredWeight>& weights, const std::string& name) const;
  void start(size_t layer);
  void finish_arrival(Layer& layer) noexcept;
  void let_go(Layer& layer);
  void let_go_of_others(size_t needed, size_t before);

  Execution execution_;
  std::vector<StoredWeight> kept_;
  std::string name_;
  std::vector<Layer> layers_;
  Beside beside_;
  at::Tensor nothing_;  // what parameters are while they are not here
  size_t needed_ = 0;   // the layer that was needed last
  // On a GPU: where the layers compute, and that those before the last one that was needed have.
  std::optional<c10::Stream> stream_;
  std::optional<c10::Event> computed_;
};

/// What a network needs to know of its streamed weights; nothing where they all are on the device.
struct LayerStream {
  std::shared_ptr<StreamedWeights> weights = {};
  size_t first = 0;  ///< number of the network's first layer

  void need(size_t layer) const {
    if (weights) weights->need(first + layer);
  }
};

}  // namespace relievo

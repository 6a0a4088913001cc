// Holds the networks that make planes, by worker.
#pragma once

#include <memory>

#include "engine/pipeline_stage.h"
#include "nn/device_weights.h"
#include "reconstruct/planes_network.h"
#include "runtime/torch/counting_allocator.h"

namespace relievo {

class HeldNetworks {
 public:
  /// Loads from `file`, an LrmFile or TripoSrFile, the whole network or the blocks that the load names.
  template <typename File>
  void load(const StageLoad& load, const File& file) {
    const at::NoGradGuard no_grad;
    const bool is_part = load.last_block > 0;
    auto held = std::make_shared<Held>();
    const Execution execution = execution_for(load, waiting_);
    held->network = file.part(is_part ? load.first_block : 0, is_part ? load.last_block : file.blocks(),
                              PlanesHeads::kNo, execution);
    held->streamed = execution.streamed;
    held->mapped = MemoryCharge(mapped_bytes(*held->network));
    held_.set(load.worker, std::move(held));
  }
  void unload(const Worker& worker) { held_.erase(worker); }

  /// Returns the places on the call's workers. The call must outlive them.
  PlanesPlaces places(const StageCall& call) const {
    PlanesPlaces places;
    for (const Worker& worker : call.workers) {
      const auto held = held_.get(worker);
      places.parts.push_back(held ? held->network : nullptr);
    }
    if (call.blocks.empty() && call.workers.size() > 1) places.shares = call.parts;
    places.run_together = run_together_of(call);
    places.on_worker = on_worker_of(call);
    return places;
  }

  /// What is streamed of them, by worker.
  std::vector<std::shared_ptr<StreamedWeights>> streamed(const StageCall& call) const {
    std::vector<std::shared_ptr<StreamedWeights>> all;
    for (const Worker& worker : call.workers) {
      const auto held = held_.get(worker);
      all.push_back(held ? held->streamed : nullptr);
    }
    return all;
  }

 private:
  struct Held {
    std::shared_ptr<const PlanesNetwork> network;
    std::shared_ptr<StreamedWeights> streamed;
    MemoryCharge mapped;
  };

  ByWorker<Held> held_;
  const std::shared_ptr<WaitingWeights> waiting_ = std::make_shared<WaitingWeights>();
};

}  // namespace relievo

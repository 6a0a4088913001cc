#include "nn/device_weights.h"

#include <algorithm>
#include <thread>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/MemoryFormat.h>

#include "base/parallel.h"

namespace relievo {
namespace {

// Where a weight may begin in the block: what a GPU's libraries ask for.
constexpr int64_t kAlignment = 256;

/// The place of one weight in the block.
struct Slot {
  int64_t offset = 0;  // bytes
  int64_t bytes = 0;
  at::ScalarType type = at::kFloat;
  std::vector<int64_t> sizes, strides = {};

  at::Tensor in(const at::Tensor& block) const {
    return block.narrow(0, offset, bytes).view(type).as_strided(sizes, strides);
  }
};

struct Layout {
  std::vector<Slot> slots;
  int64_t bytes = 0;
};

Layout layout_of(const std::vector<StoredWeight>& weights, at::ScalarType type) {
  Layout layout;
  for (const StoredWeight& weight : weights) {
    const at::Tensor& stored = weight.stored;
    Slot slot{.offset = layout.bytes,
              .type = stored.is_floating_point() ? type : stored.scalar_type(),
              .sizes = stored.sizes().vec()};
    const auto contiguous = c10::contiguous_strides(slot.sizes);
    slot.strides.assign(contiguous.begin(), contiguous.end());
    if (stored.dim() == 4) slot.strides = c10::get_channels_last_strides_2d(slot.sizes);
    slot.bytes = stored.numel() * static_cast<int64_t>(c10::elementSize(slot.type));
    layout.bytes += (slot.bytes + kAlignment - 1) / kAlignment * kAlignment;
    layout.slots.push_back(std::move(slot));
  }
  return layout;
}

/// Host memory that a GPU reads by itself; where there is none (left), any.
at::Tensor host_block(int64_t bytes) {
  const at::TensorOptions options = at::TensorOptions().dtype(at::kByte);
  try {
    return at::empty({bytes}, options.pinned_memory(true));
  } catch (const c10::Error&) {
    return at::empty({bytes}, options);
  }
}

/// Casts all weights into one block of host memory, on several threads: the one that asks may have a single
/// one for itself, because it shares the machine with workers that compute on the CPU.
at::Tensor cast_block(const std::vector<StoredWeight>& weights, const Layout& layout) {
  constexpr int kMostThreads = 8;
  const at::Tensor block = host_block(layout.bytes);
  const int before = parallel_threads();
  set_parallel_threads(
      std::max(before, std::min(kMostThreads, static_cast<int>(std::thread::hardware_concurrency()))));
  parallel_for(static_cast<int64_t>(weights.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto at = static_cast<size_t>(i);
      layout.slots[at].in(block).copy_(weights[at].stored);
    }
  });
  set_parallel_threads(before);
  return block;
}

}  // namespace

void place_on_gpu(const std::vector<StoredWeight>& weights, const std::string& name,
                  const Execution& execution) {
  const Layout layout = layout_of(weights, execution.dtype);
  const at::Tensor block = at::empty({layout.bytes}, at::TensorOptions(execution.device).dtype(at::kByte));
  if (execution.waiting) {
    at::Tensor host = execution.waiting->find(name);
    if (!host.defined() || host.numel() != layout.bytes) {
      host = cast_block(weights, layout);
      execution.waiting->keep(name, host);
    }
    block.copy_(host, /*non_blocking=*/true);
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    const Slot& slot = layout.slots[i];
    const at::Tensor placed = slot.in(block);
    // Without a block in host memory each is cast there alone, so that memory holds no second network.
    if (!execution.waiting) {
      const auto format =
          slot.sizes.size() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
      placed.copy_(weights[i].stored.to(slot.type).contiguous(format));
    }
    weights[i].parameter.set_data(placed);
  }
}

at::Tensor WaitingWeights::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(name);
  return found == blocks_.end() ? at::Tensor() : found->second;
}

void WaitingWeights::keep(const std::string& name, at::Tensor block) {
  const std::lock_guard lock(mutex_);
  blocks_[name] = std::move(block);
}

void WaitingWeights::clear() {
  const std::lock_guard lock(mutex_);
  blocks_.clear();
}

}  // namespace relievo

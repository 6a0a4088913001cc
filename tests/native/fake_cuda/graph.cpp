#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "state.h"

namespace fake_cuda {
namespace {

constexpr int kOutOfMemory = 2, kIllegalAddress = 700, kUnsupported = 900, kInvalidated = 901,
              kUnmatched = 903;

}  // namespace

struct Graph {
  int device = 0;
  bool is_executable = false;
  std::vector<GraphStep> steps = {};
};

bool is_recording(const StreamKey& stream) {
  const std::lock_guard lock(state().mutex);
  return state().recordings.contains(stream);
}

Touch touch_of(const void* pointer, bool is_written) {
  const Block* const block = block_at(pointer);
  return {pointer, is_written, block && block->pool == 0 ? block->number : 0};
}

void record_step(const StreamKey& stream, GraphStep step) {
  const std::lock_guard lock(state().mutex);
  state().recordings.at(stream).steps.push_back(std::move(step));
}

void refuse_while_recording() {
  const std::lock_guard lock(state().mutex);
  bool is_any = false;
  for (auto& [stream, recording] : state().recordings) {
    if (recording.thread != std::this_thread::get_id()) continue;
    is_any = recording.is_broken = true;
  }
  if (!is_any) return;
  throw c10::AcceleratorError({__func__, __FILE__, uint32_t(__LINE__)}, kUnsupported,
                              "CUDA error: operation not permitted when stream is capturing");
}

int begin_recording(const StreamKey& stream) {
  const std::lock_guard lock(state().mutex);
  const DeviceState& device = state().devices.at(size_t(stream.first));
  if (device.lost) return kIllegalAddress;
  const bool is_default = stream.second == 0;
  if (is_default || device.graph_fault == GraphFault::kBegin || state().recordings.contains(stream))
    return kUnsupported;
  state().recordings[stream].thread = std::this_thread::get_id();
  return 0;
}

int end_recording(const StreamKey& stream, Graph** made) {
  const std::lock_guard lock(state().mutex);
  const auto found = state().recordings.find(stream);
  if (found == state().recordings.end()) return kUnmatched;
  Recording recording = std::move(found->second);
  state().recordings.erase(found);
  DeviceState& device = state().devices.at(size_t(stream.first));
  if (device.lost) return kIllegalAddress;
  if (recording.is_broken) return kInvalidated;
  *made = new Graph{.device = stream.first, .steps = std::move(recording.steps)};
  ++device.graphs;
  return 0;
}

int instantiate_graph(const Graph& graph, Graph** made) {
  const std::lock_guard lock(state().mutex);
  DeviceState& device = state().devices.at(size_t(graph.device));
  if (device.graph_fault == GraphFault::kInstantiate) return kOutOfMemory;
  *made = new Graph(graph);
  (*made)->is_executable = true;
  ++device.graphs;
  return 0;
}

int launch_graph(const Graph& graph, const StreamKey& stream) {
  try {
    begin_operation(stream.first, kGraph);
  } catch (const c10::Error&) {
    return kIllegalAddress;
  }
  {
    const std::lock_guard lock(state().mutex);
    if (!graph.is_executable || graph.device != stream.first) return kUnsupported;
    if (state().devices.at(size_t(stream.first)).graph_fault == GraphFault::kLaunch) return kOutOfMemory;
    const uint64_t time = begin_step(stream);
    for (const GraphStep& step : graph.steps) {
      for (const Touch& touch : step.touches) {
        const Block* const block = block_at(touch.pointer);
        if (touch.block != 0 && (!block || block->number != touch.block)) {
          find(fmt::format("'{}' of a graph uses memory that was freed after it was recorded.", step.what));
        }
        (touch.is_written ? note_write : note_read)(stream, time, touch.pointer, step.what);
      }
    }
  }
  for (const GraphStep& step : graph.steps) step.run();
  return 0;
}

void destroy_graph(Graph* graph) {
  if (!graph) return;
  {
    const std::lock_guard lock(state().mutex);
    auto& devices = state().devices;
    if (size_t(graph->device) < devices.size()) --devices[size_t(graph->device)].graphs;
  }
  delete graph;
}

void fail_graphs(int device, GraphFault fault) {
  const std::lock_guard lock(state().mutex);
  state().devices.at(size_t(device)).graph_fault = fault;
}

int64_t graphs(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(size_t(device)).graphs;
}

}  // namespace fake_cuda

#include <algorithm>

#include <fmt/format.h>

#include "state.h"

namespace fake_cuda {
namespace {

std::string name(const StreamKey& stream) {
  return fmt::format("stream {} of cuda:{}", stream.second, stream.first);
}

void check_after(const Access& earlier, const StreamKey& stream, const std::string& what) {
  if (state().streams[stream][earlier.stream] >= earlier.time) return;
  find(fmt::format("'{}' on {} does not wait for '{}' on {}, which uses the same memory.", what, name(stream),
                   earlier.what, name(earlier.stream)));
}

}  // namespace

void find(std::string sentence) {
  constexpr size_t kMost = 100;
  auto& findings = state().findings;
  if (findings.size() < kMost && std::ranges::find(findings, sentence) == findings.end())
    findings.push_back(std::move(sentence));
}

uint64_t begin_step(const StreamKey& stream) {
  Clock& clock = state().streams[stream];
  clock.join(state().host);
  return clock.tick(stream);
}

Block* block_at(const void* device_pointer) {
  for (DeviceState& device : state().devices) {
    const auto after = device.blocks.upper_bound(const_cast<char*>(static_cast<const char*>(device_pointer)));
    if (after == device.blocks.begin()) continue;
    Block* const block = std::prev(after)->second.get();
    if (device_pointer < block->pointer + block->bytes) return block;
  }
  return nullptr;
}

void note_read(const StreamKey& stream, uint64_t time, const void* device_pointer, const std::string& what) {
  Block* const block = block_at(device_pointer);
  if (!block) return;
  if (block->write) check_after(*block->write, stream, what);
  block->reads[stream] = {stream, time, what};
}

void note_write(const StreamKey& stream, uint64_t time, const void* device_pointer, const std::string& what) {
  Block* const block = block_at(device_pointer);
  if (!block) return;
  if (block->write) check_after(*block->write, stream, what);
  for (const auto& [other, read] : block->reads) check_after(read, stream, what);
  block->reads.clear();
  block->write = Access{stream, time, what};
  block->came_from_host = false;
}

void note_free(const Block& block) {
  const auto check = [&](const Access& access) {
    // What the stream that it was allocated on does next with the memory comes after what is known to it.
    if (access.stream == block.stream || block.recorded.contains(access.stream) ||
        state().host[access.stream] >= access.time ||
        state().streams[block.stream][access.stream] >= access.time)
      return;
    find(fmt::format("Memory of {} is freed while '{}' on {} may still use it.", name(block.stream),
                     access.what, name(access.stream)));
  };
  if (block.write) check(*block.write);
  for (const auto& [stream, read] : block.reads) check(read);
}

std::vector<std::string> take_findings() {
  const std::lock_guard lock(state().mutex);
  return std::exchange(state().findings, {});
}

}  // namespace fake_cuda

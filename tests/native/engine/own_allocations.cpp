#include "own_allocations.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <execinfo.h>
#include <link.h>
#include <nlohmann/json.hpp>

namespace relievo {
namespace {

std::atomic<int64_t> g_count{0};
std::atomic<int64_t> g_first_to_fail{0}, g_last_to_fail{0};
std::atomic<size_t> g_at_least{0};
std::atomic<bool> g_counting{false};
std::atomic<bool> g_recording{false};
constexpr int64_t kMostPaths = 1 << 20;
std::atomic<uint64_t> g_paths[kMostPaths];  // by number
thread_local bool t_spared = false;
thread_local int64_t t_to_fail = 0;
thread_local std::vector<const void*>* t_learnt = nullptr;

/// The range of addresses of the program's own code.
std::pair<uintptr_t, uintptr_t> find_own_code() {
  std::pair<uintptr_t, uintptr_t> range;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
          const uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
          *static_cast<std::pair<uintptr_t, uintptr_t>*>(out) = {begin, begin + segment.p_memsz};
        }
        return 1;  // the first is the program
      },
      &range);
  return range;
}

std::pair<uintptr_t, uintptr_t> own_code() {
  static const auto range = find_own_code();
  return range;
}

bool is_own(const void* caller) {
  const auto [begin, end] = own_code();
  const auto at = reinterpret_cast<uintptr_t>(caller);
  return at >= begin && at < end;
}

/// Places at which nothing can be asked to fail: nlohmann's JSON values allocate while they are destroyed, in
/// destructors that end the process when that throws.
const std::vector<const void*>& fatal_places() {
  static const std::vector<const void*> places = [] {
    using Json = nlohmann::json;
    std::vector<const void*> found;
    found.reserve(64);
    // Also with more inside than beside, for which their list of what is left to destroy has to grow.
    for (const char* text : {R"({"a": {"b": 1}})", R"({"a": [1, 2]})", "[1, 2]", "[[1], [2]]",
                             R"({"a": {"b": 1, "c": 2, "d": 3}})", R"([{"a": 1, "b": 2}])", "[[1, 2, 3]]"}) {
      const Json value = Json::parse(text);
      std::optional<Json> copy(value);
      t_learnt = &found;
      copy.reset();
      t_learnt = nullptr;
    }
    return found;
  }();
  return places;
}

/// A number for the code that allocates and its three callers.
uint64_t path_to(const void* caller) {
  constexpr int kFrames = 10, kOfPath = 4;
  void* frames[kFrames];
  const int count = backtrace(frames, kFrames);
  int first = 0;
  while (first < count && frames[first] != caller) ++first;
  uint64_t path = 14695981039346656037U;  // FNV-1a
  for (int i = first; i < std::min(count, first + kOfPath); ++i)
    path = (path ^ reinterpret_cast<uintptr_t>(frames[i])) * 1099511628211U;
  return path;
}

void fail_if_asked_to(size_t bytes, const void* caller) {
  if (t_learnt) {
    if (t_learnt->size() < t_learnt->capacity()) t_learnt->push_back(caller);
    return;
  }
  if (t_to_fail > 0 && is_own(caller)) {
    --t_to_fail;
    throw std::bad_alloc();
  }
  if (!g_counting.load(std::memory_order_relaxed) || t_spared || !is_own(caller)) return;
  if (bytes < g_at_least.load(std::memory_order_relaxed)) return;
  if (std::ranges::find(fatal_places(), caller) != fatal_places().end()) return;
  const int64_t n = g_count.fetch_add(1, std::memory_order_relaxed) + 1;
  if (n < kMostPaths && g_recording.load(std::memory_order_relaxed)) {
    t_spared = true;  // what the unwinder itself allocates
    g_paths[n].store(path_to(caller), std::memory_order_relaxed);
    t_spared = false;
  }
  if (n >= g_first_to_fail.load(std::memory_order_relaxed) &&
      n <= g_last_to_fail.load(std::memory_order_relaxed)) {
    throw std::bad_alloc();
  }
}

void* allocate(size_t bytes, size_t alignment, const void* caller) {
  fail_if_asked_to(bytes, caller);
  void* memory = nullptr;
  if (alignment <= alignof(std::max_align_t)) {
    memory = std::malloc(bytes > 0 ? bytes : 1);
  } else if (posix_memalign(&memory, alignment, bytes) != 0) {
    memory = nullptr;
  }
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

int64_t fail_own_allocation(int64_t n, int64_t times, size_t at_least) {
  g_recording = false;
  own_code();
  fatal_places();
  t_spared = true;
  g_counting = true;
  g_first_to_fail = g_last_to_fail = 0;
  g_at_least = at_least;
  const int64_t before = g_count.exchange(0);
  if (n > 0) {
    g_last_to_fail = n + times - 1;
    g_first_to_fail = n;
  }
  return before;
}

void record_own_allocations() {
  fail_own_allocation(0);
  path_to(nullptr);  // the unwinder is opened by its first use
  g_recording = true;
}

std::vector<int64_t> first_allocations_of_each_path() {
  std::vector<int64_t> first;
  std::set<uint64_t> paths;
  const int64_t count = std::min(g_count.load(), kMostPaths - 1);
  for (int64_t n = 1; n <= count; ++n) {
    if (paths.insert(g_paths[n].load(std::memory_order_relaxed)).second) first.push_back(n);
  }
  return first;
}

void fail_own_allocations_here(int64_t times) {
  own_code();
  t_to_fail = times;
}

}  // namespace relievo

// Every operator new of the process; the array and non-throwing forms of the library come here, too.
void* operator new(size_t bytes) {
  return relievo::allocate(bytes, alignof(std::max_align_t), __builtin_return_address(0));
}
void* operator new[](size_t bytes) {
  return relievo::allocate(bytes, alignof(std::max_align_t), __builtin_return_address(0));
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  return relievo::allocate(bytes, static_cast<size_t>(alignment), __builtin_return_address(0));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return relievo::allocate(bytes, static_cast<size_t>(alignment), __builtin_return_address(0));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

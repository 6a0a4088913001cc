#include "weights/mapped_region.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

#include <sys/mman.h>
#include <unistd.h>

namespace relievo {

/// Regions are never freed, only reused, because the signal handler may walk through them at any moment.
struct MappedRegion {
  std::atomic<uintptr_t> begin{0}, end{0};  // equal where the region is not in use
  std::atomic<bool> is_damaged{false};
  std::filesystem::path path;  // guarded by the mutex
  MappedRegion* next = nullptr;
};

namespace {

std::atomic<MappedRegion*> g_regions{nullptr};
std::mutex g_mutex;  // guards all changes
struct sigaction g_previous {};
uintptr_t g_page_bytes = 4096;

/// Passes a signal that does not concern a region of ours on to the handler that was installed before.
void hand_on(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0 && g_previous.sa_sigaction != nullptr) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  } else {
    // Without a handler the access is tried again and ends the process, as it would have done without us.
    ::signal(signal, SIG_DFL);
  }
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int error_number = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  for (MappedRegion* region = g_regions.load(); region != nullptr; region = region->next) {
    const uintptr_t begin = region->begin.load(), end = region->end.load();
    if (address < begin || address >= end) continue;
    const uintptr_t page = address & ~(g_page_bytes - 1);
    void* zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,  // NOLINT
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (zeros == MAP_FAILED) break;
    region->is_damaged.store(true);
    errno = error_number;
    return;
  }
  hand_on(signal, info, context);
}

void install_once() {
  static const bool is_installed = [] {
    g_page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &g_previous) == 0;
  }();
  static_cast<void>(is_installed);
}

}  // namespace

MappedRegion* watch(std::span<const std::byte> bytes, const std::filesystem::path& path) {
  const std::lock_guard lock(g_mutex);
  install_once();
  MappedRegion* region = g_regions.load();
  while (region != nullptr && region->begin.load() != region->end.load()) region = region->next;
  if (region == nullptr) {
    // NOLINT: a region lives as long as the process.
    region = new MappedRegion;
    region->next = g_regions.load();
    g_regions.store(region);
  }
  region->path = path;
  region->is_damaged.store(false);
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
  region->begin.store(begin);
  region->end.store(begin + bytes.size());
  return region;
}

void unwatch(MappedRegion* region) {
  const std::lock_guard lock(g_mutex);
  region->end.store(0);
  region->begin.store(0);
  region->is_damaged.store(false);
}

bool is_damaged(const MappedRegion* region) { return region->is_damaged.load(); }

std::optional<std::filesystem::path> damaged_file() {
  const std::lock_guard lock(g_mutex);
  for (MappedRegion* region = g_regions.load(); region != nullptr; region = region->next) {
    if (region->is_damaged.load()) return region->path;
  }
  return std::nullopt;
}

}  // namespace relievo

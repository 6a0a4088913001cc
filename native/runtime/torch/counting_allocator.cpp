#include "runtime/torch/counting_allocator.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include "runtime/machine/workers.h"

namespace relievo {
namespace {

// The account is kept by a plain pointer, because thread_local objects with destructors may be gone while
// torch still frees memory.
thread_local std::shared_ptr<MemoryAccount>* t_account = nullptr;

struct ThreadAccount {
  ~ThreadAccount() { t_account = nullptr; }
  std::shared_ptr<MemoryAccount> account;
};
thread_local ThreadAccount t_owner;

thread_local bool t_refused = false;

/// This thread's request for memory, which counts as refused unless it is marked as granted.
struct Request {
  ~Request() { t_refused = t_refused || !granted; }
  bool granted = false;
};

std::atomic<int64_t> g_allocations{0};
std::atomic<int64_t> g_first_to_fail{0}, g_last_to_fail{0};
std::atomic<int64_t> g_charged{0};

/// The header in front of every block, as long as torch's alignment.
struct alignas(64) Header {
  std::shared_ptr<MemoryAccount> account;
  int64_t bytes = 0;
  void* memory = nullptr;  ///< the pointer that malloc returned
};
static_assert(sizeof(Header) == 64 && sizeof(Header) % c10::gAlignment == 0);

/// Allocates a block after its header, by plain malloc: memory that glibc before 2.38 aligned is not found
/// again by a request for as much (sourceware.org bug 14581), and the heap grows by a gigabyte in one step of
/// the diffusion.
Header* new_block(size_t bytes) {
  Request request;
  void* memory = std::malloc(bytes + 2 * sizeof(Header));
  TORCH_CHECK_WITH(OutOfMemoryError, memory, "The machine has no ", format_bytes(int64_t(bytes)),
                   " of memory left.");
  request.granted = true;
  const auto at =
      (reinterpret_cast<uintptr_t>(memory) + sizeof(Header) - 1) / sizeof(Header) * sizeof(Header);
  Header* header = new (reinterpret_cast<void*>(at)) Header;
  header->memory = memory;
  return header;
}

void free_block(void* data) {
  if (!data) return;
  Header* header = reinterpret_cast<Header*>(static_cast<char*>(data) - sizeof(Header));
  if (header->account) header->account->discharge(header->bytes);
  void* memory = header->memory;
  header->~Header();
  std::free(memory);
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &free_block, c10::Device(c10::kCPU)};
    std::shared_ptr<MemoryAccount> account = t_account ? *t_account : nullptr;
    const int64_t size = int64_t(bytes);
    if (account) account->charge(size);
    Header* header = nullptr;
    try {
      header = new_block(bytes);
    } catch (...) {
      if (account) account->discharge(size);
      throw;
    }
    if (account) {
      header->bytes = size;
      header->account = std::move(account);
    }
    void* data = header + 1;
    return {data, data, &free_block, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }

  void copy_data(void* to, const void* from, size_t bytes) const override { std::memcpy(to, from, bytes); }
};

}  // namespace

MemoryAccount::MemoryAccount(std::string name, int64_t budget) : name_(std::move(name)), budget_(budget) {}

int64_t MemoryAccount::take_peak() { return std::max(peak_.exchange(used()), used()); }

void MemoryAccount::charge(int64_t bytes) {
  Request request;
  const int64_t n = g_allocations.fetch_add(1, std::memory_order_relaxed) + 1;
  TORCH_CHECK_WITH(OutOfMemoryError,
                   n < g_first_to_fail.load(std::memory_order_relaxed) ||
                       n > g_last_to_fail.load(std::memory_order_relaxed),
                   "This allocation was made to fail.");
  int64_t before = used_.load(std::memory_order_relaxed);
  const int64_t budget = this->budget();
  do {
    TORCH_CHECK_WITH(OutOfMemoryError, bytes <= budget - before, name_,
                     " ran out of memory: ", format_bytes(bytes), " asked for, ", format_bytes(before),
                     " of ", format_bytes(budget), " used.");
  } while (!used_.compare_exchange_weak(before, before + bytes, std::memory_order_relaxed));
  g_charged.fetch_add(bytes, std::memory_order_relaxed);
  raise_peak(before + bytes);
  request.granted = true;
}

void MemoryAccount::note(int64_t bytes) {
  g_charged.fetch_add(bytes, std::memory_order_relaxed);
  raise_peak(used_.fetch_add(bytes, std::memory_order_relaxed) + bytes);
}

void MemoryAccount::raise_peak(int64_t used) {
  int64_t peak = peak_.load(std::memory_order_relaxed);
  while (used > peak && !peak_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

void MemoryAccount::discharge(int64_t bytes) {
  used_.fetch_sub(bytes, std::memory_order_relaxed);
  g_charged.fetch_sub(bytes, std::memory_order_relaxed);
}

MemoryCharge::MemoryCharge(int64_t bytes) : account_(thread_account()) {
  if (!account_) return;
  account_->charge(bytes);
  bytes_ = bytes;
}

MemoryCharge::MemoryCharge(MemoryCharge&& other) noexcept
    : account_(std::move(other.account_)), bytes_(std::exchange(other.bytes_, 0)) {}

MemoryCharge& MemoryCharge::operator=(MemoryCharge&& other) noexcept {
  std::swap(account_, other.account_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

MemoryCharge::~MemoryCharge() {
  if (account_) account_->discharge(bytes_);
}

bool take_refusal() { return std::exchange(t_refused, false); }

void install_counting_allocator() {
  static const bool installed = [] {
    constexpr uint8_t kAboveTorch = 100;
    c10::SetCPUAllocator(new CountingAllocator, kAboveTorch);
    return true;
  }();
  static_cast<void>(installed);
}

void set_thread_account(std::shared_ptr<MemoryAccount> account) {
  t_owner.account = std::move(account);
  t_account = &t_owner.account;
}

std::shared_ptr<MemoryAccount> thread_account() { return t_account ? *t_account : nullptr; }

int64_t fail_allocation(int64_t n, int64_t times) {
  g_first_to_fail = g_last_to_fail = 0;
  const int64_t before = g_allocations.exchange(0);
  if (n > 0) {
    g_last_to_fail = n + times - 1;
    g_first_to_fail = n;
  }
  return before;
}

int64_t charged_bytes() { return g_charged; }

}  // namespace relievo

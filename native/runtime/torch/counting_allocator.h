// A CPU worker's memory: torch's CPU allocator with a budget a worker, which really throws
// c10::OutOfMemoryError, as a GPU's does.
//
// Counted is every block that torch allocates for CPU tensors on a thread of the worker, until it is freed,
// on whatever thread that happens, and what is charged by hand (mapped weights). Not counted is what a
// library below torch keeps for itself (oneDNN's and MKL's scratch buffers) and plain C++ containers.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string>

namespace relievo {

/// One worker's account. Any thread may use it.
class MemoryAccount {
 public:
  explicit MemoryAccount(std::string name, int64_t budget = std::numeric_limits<int64_t>::max());

  const std::string& name() const { return name_; }
  int64_t budget() const { return budget_; }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }

  /// The highest use since the last call.
  int64_t take_peak();

  /// Throws c10::OutOfMemoryError when it does not fit; nothing is charged then.
  void charge(int64_t bytes);
  void discharge(int64_t bytes);

 private:
  std::string name_;
  int64_t budget_;
  std::atomic<int64_t> used_{0};
  std::atomic<int64_t> peak_{0};
};

/// A charge for memory that no allocator gave: weights mapped from a file, while they are resident.
class MemoryCharge {
 public:
  MemoryCharge() = default;
  /// Charges the calling thread's account, if it has one. Throws c10::OutOfMemoryError.
  explicit MemoryCharge(int64_t bytes);
  MemoryCharge(MemoryCharge&& other) noexcept;
  MemoryCharge& operator=(MemoryCharge&& other) noexcept;
  ~MemoryCharge();

 private:
  std::shared_ptr<MemoryAccount> account_;
  int64_t bytes_ = 0;
};

/// Puts the counting allocator in front of torch's, for the whole process and for good. Call it before
/// workers are used; calling it again does nothing. Tensors from before are freed as they were made.
void install_counting_allocator();

/// The account that this thread's blocks are charged to; none: they are not counted.
void set_thread_account(std::shared_ptr<MemoryAccount> account);
std::shared_ptr<MemoryAccount> thread_account();

/// Whether this thread was refused memory since it last asked this. Torch catches some of the exceptions.
bool take_refusal();

/// For tests: the n-th charge of the process from now on fails (1: the next one; 0: none), and `times` - 1
/// after it. Returns how many there were since the last call.
int64_t fail_allocation(int64_t n, int64_t times = 1);

/// For tests: what all accounts of the process hold.
int64_t charged_bytes();

}  // namespace relievo

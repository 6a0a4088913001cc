// Counts a CPU worker's memory: torch's CPU allocator with a budget for each worker, which really throws
// c10::OutOfMemoryError, as a GPU's does.
//
// It counts every block that torch allocates for CPU tensors on a thread of the worker, until it is freed on
// whatever thread, and memory that is charged by hand (mapped weights). It does not count memory that a
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
  int64_t budget() const { return budget_.load(std::memory_order_relaxed); }
  /// May be less than what is used; charges are refused until it is more.
  void set_budget(int64_t bytes) { budget_.store(bytes, std::memory_order_relaxed); }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }

  /// Returns the highest use since the last call.
  int64_t take_peak();

  /// Charges bytes. Throws c10::OutOfMemoryError when they do not fit; nothing is charged then.
  void charge(int64_t bytes);
  void discharge(int64_t bytes);
  /// Charges what an allocator has given already, whatever the budget.
  void note(int64_t bytes);

 private:
  void raise_peak(int64_t used);

  std::string name_;
  std::atomic<int64_t> budget_;
  std::atomic<int64_t> used_{0};
  std::atomic<int64_t> peak_{0};
};

/// A charge for memory that no allocator allocated: weights mapped from a file, while they are resident.
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

/// Puts the counting allocator in front of torch's, for the whole process and for good. Must be called before
/// workers are used; calling it again does nothing. Tensors from before are freed as they were made.
void install_counting_allocator();

/// Sets the account that this thread's blocks are charged to; with null they are not counted.
void set_thread_account(std::shared_ptr<MemoryAccount> account);
std::shared_ptr<MemoryAccount> thread_account();

/// Returns whether this thread was refused memory since the last call. Torch catches some of the exceptions.
bool take_refusal();

/// Is for tests: the n-th charge of the process from now on fails (1 is the next one; 0 is none), and `times`
/// - 1 charges after it. Returns the number of charges since the last call.
int64_t fail_allocation(int64_t n, int64_t times = 1);

/// Is for tests: the bytes that all accounts of the process hold.
int64_t charged_bytes();

}  // namespace relievo

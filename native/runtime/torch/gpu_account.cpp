#include "runtime/torch/gpu_account.h"

#include <mutex>
#include <unordered_map>
#include <utility>

#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/csrc/profiler/orchestration/observer.h>

namespace relievo {
namespace {

/// The blocks of GPUs and the accounts that they are noted in.
class Blocks {
 public:
  void given(void* at, int64_t bytes, const std::shared_ptr<MemoryAccount>& account) {
    taken_back(at);  // nobody was told when it was freed the last time
    account->note(bytes);
    const std::lock_guard lock(mutex_);
    blocks_[at] = {account, bytes};
  }
  void taken_back(void* at) {
    Block block;
    {
      const std::lock_guard lock(mutex_);
      const auto found = blocks_.find(at);
      if (found == blocks_.end()) return;
      block = std::move(found->second);
      blocks_.erase(found);
    }
    block.account->discharge(block.bytes);
  }

 private:
  struct Block {
    std::shared_ptr<MemoryAccount> account;
    int64_t bytes = 0;
  };
  std::mutex mutex_;
  std::unordered_map<void*, Block> blocks_;
};

/// They are never destroyed, because threads may free blocks until the process ends.
Blocks& blocks() {
  static auto* const all = new Blocks;
  return *all;
}

using torch::profiler::impl::ProfilerConfig;
using torch::profiler::impl::ProfilerState;
using torch::profiler::impl::ProfilerStateBase;

/// Takes the place of a profiler in the thread, of the class that torch takes it for. It profiles nothing.
class Listener final : public ProfilerStateBase {
 public:
  explicit Listener(std::shared_ptr<MemoryAccount> account)
      : ProfilerStateBase(ProfilerConfig(ProfilerState::Disabled, false, true)),
        account_(std::move(account)) {}

  void reportMemoryUsage(void* at, int64_t bytes, size_t /*allocated*/, size_t /*reserved*/,
                         c10::Device device) override {
    if (!device.is_cuda() || at == nullptr) return;
    if (bytes > 0) {
      blocks().given(at, bytes, account_);
    } else {
      blocks().taken_back(at);
    }
  }
  torch::profiler::impl::ActiveProfilerType profilerType() override {
    return torch::profiler::impl::ActiveProfilerType::NONE;
  }
  const std::shared_ptr<MemoryAccount>& account() const { return account_; }

 private:
  std::shared_ptr<MemoryAccount> account_;
};

constexpr auto kKind = c10::DebugInfoKind::PROFILER_STATE;
thread_local bool t_listens = false;

}  // namespace

void set_thread_gpu_account(std::shared_ptr<MemoryAccount> account) {
  if (t_listens) c10::ThreadLocalDebugInfo::_pop(kKind);
  t_listens = account != nullptr;
  if (account) c10::ThreadLocalDebugInfo::_push(kKind, std::make_shared<Listener>(std::move(account)));
}

std::shared_ptr<MemoryAccount> thread_gpu_account() {
  if (!t_listens) return nullptr;
  return static_cast<const Listener*>(c10::ThreadLocalDebugInfo::get(kKind))->account();
}

}  // namespace relievo

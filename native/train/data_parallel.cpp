#include "train/data_parallel.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "base/error.h"

namespace relievo {
namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

struct Bucket {
  std::vector<size_t> parameters;
  size_t missing = 0;
  at::Tensor flat;  // the gradients, one after the other
  std::function<void()> wait;
  bool grew = false;  // a gradient was added to after its exchange began
};

}  // namespace

struct DataParallel::State {
  std::shared_ptr<ProcessGroup> group;
  std::vector<at::Tensor> parameters;
  std::vector<size_t> bucket_of;
  std::vector<Bucket> buckets;
  std::vector<std::pair<std::shared_ptr<Node>, uintptr_t>> hooks;

  std::mutex mutex;
  std::vector<bool> ready;
  // The number of buckets whose exchange has begun; all processes start them in this order.
  size_t started = 0;
  int overlapped = 0;
  // An error in a hook, kept for finish_backward().
  std::exception_ptr failure;

  void reset() {
    ready.assign(parameters.size(), false);
    for (Bucket& bucket : buckets) {
      bucket.missing = bucket.parameters.size();
      bucket.wait = nullptr;
      bucket.grew = false;
      bucket.flat = at::Tensor();
    }
    started = 0;
  }

  void mark_ready(size_t parameter) {
    const std::lock_guard lock(mutex);
    const size_t bucket = bucket_of[parameter];
    // A parameter that two checkpointed blocks use has a backward pass in each of them.
    if (ready[parameter]) {
      buckets[bucket].grew = buckets[bucket].grew || bucket < started;
      return;
    }
    ready[parameter] = true;
    --buckets[bucket].missing;
    try {
      while (!failure && started < buckets.size() && buckets[started].missing == 0) start_next();
    } catch (...) {
      failure = std::current_exception();
    }
  }

  void start_next() {
    start(buckets[started]);
    ++started;
  }

  void start(Bucket& bucket) {
    const at::NoGradGuard no_gradients;
    std::vector<at::Tensor> parts;
    for (const size_t i : bucket.parameters) {
      const at::Tensor& gradient = parameters[i].grad();
      parts.push_back(gradient.defined() ? gradient.reshape({-1})
                                         : at::zeros_like(parameters[i]).reshape({-1}));
    }
    bucket.flat = at::cat(parts).div_(group->size());
    bucket.wait = group->start_sum(bucket.flat);
  }

  /// Exchanges again the buckets that were added to in any process. All processes do so, because the order of
  /// calls must be the same.
  void exchange_again() {
    const at::NoGradGuard no_gradients;
    std::vector<float> grew;
    for (const Bucket& bucket : buckets) grew.push_back(bucket.grew ? 1 : 0);
    const at::Tensor all = at::tensor(grew).to(parameters[0].device());
    group->sum(all);
    const at::Tensor told = all.cpu();
    for (size_t i = 0; i < buckets.size(); ++i) {
      if (told[int64_t(i)].item<float>() == 0) continue;
      start(buckets[i]);
      buckets[i].wait();
    }
  }

  void take_back(Bucket& bucket) {
    const at::NoGradGuard no_gradients;
    int64_t offset = 0;
    for (const size_t i : bucket.parameters) {
      at::Tensor& parameter = parameters[i];
      const at::Tensor mean = bucket.flat.narrow(0, offset, parameter.numel()).view(parameter.sizes());
      if (parameter.grad().defined()) {
        parameter.mutable_grad().copy_(mean);
      } else {
        parameter.mutable_grad() = mean.clone();
      }
      offset += parameter.numel();
    }
  }
};

namespace {

class ReadyHook : public torch::autograd::FunctionPostHook {
 public:
  explicit ReadyHook(std::function<void()> ready) : ready_(std::move(ready)) {}
  variable_list operator()(const variable_list& outputs, const variable_list&) override {
    ready_();
    return outputs;
  }

 private:
  std::function<void()> ready_;
};

}  // namespace

DataParallel::DataParallel(std::shared_ptr<ProcessGroup> group, std::vector<at::Tensor> parameters,
                           int64_t bucket_bytes)
    : state_(std::make_shared<State>()) {
  State& state = *state_;
  state.group = std::move(group);
  state.parameters = std::move(parameters);
  {
    const at::NoGradGuard no_gradients;
    std::vector<at::Tensor> values;
    for (const at::Tensor& parameter : state.parameters) values.push_back(parameter.detach());
    state.group->broadcast(values);
  }
  // Buckets are filled from the last layer to the first, the order in which gradients come.
  state.bucket_of.resize(state.parameters.size());
  int64_t room = 0;
  for (size_t i = state.parameters.size(); i-- > 0;) {
    const at::Tensor& parameter = state.parameters[i];
    const bool same =
        !state.buckets.empty() &&
        state.parameters[state.buckets.back().parameters[0]].scalar_type() == parameter.scalar_type() &&
        state.parameters[state.buckets.back().parameters[0]].device() == parameter.device();
    const int64_t bytes = int64_t(parameter.nbytes());
    if (!same || bytes > room) {
      state.buckets.emplace_back();
      room = bucket_bytes;
    }
    state.buckets.back().parameters.push_back(i);
    state.bucket_of[i] = state.buckets.size() - 1;
    room -= bytes;
  }
  state.reset();
  for (size_t i = 0; i < state.parameters.size(); ++i) {
    auto accumulator = torch::autograd::impl::grad_accumulator(state.parameters[i]);
    if (!accumulator) {
      throw Error(ErrorCode::kInternal, "A parameter is no leaf that requires a gradient.");
    }
    const std::weak_ptr<State> watched = state_;
    const uintptr_t key = accumulator->add_post_hook(std::make_unique<ReadyHook>([watched, i] {
      if (const auto alive = watched.lock()) alive->mark_ready(i);
    }));
    state.hooks.emplace_back(std::move(accumulator), key);
  }
}

DataParallel::~DataParallel() {
  for (const auto& [accumulator, key] : state_->hooks) accumulator->del_post_hook(key);
}

void DataParallel::finish_backward() {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  state.overlapped = int(state.started);
  try {
    if (state.failure) std::rethrow_exception(std::exchange(state.failure, nullptr));
    while (state.started < state.buckets.size()) state.start_next();
    for (Bucket& bucket : state.buckets) bucket.wait();
    state.exchange_again();
    for (Bucket& bucket : state.buckets) state.take_back(bucket);
  } catch (...) {
    state.reset();
    throw;
  }
  state.reset();
}

int DataParallel::overlapped_buckets() const {
  const std::lock_guard lock(state_->mutex);
  return state_->overlapped;
}

int DataParallel::buckets() const { return int(state_->buckets.size()); }

}  // namespace relievo

#include "train/checkpoint.h"

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "nn/plain_pass.h"

namespace relievo {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct AutocastState {
  struct Device {
    at::DeviceType type = at::kCPU;
    bool enabled = false;
    at::ScalarType dtype = at::kFloat;
  };
  std::array<Device, 2> devices{Device{at::kCPU}, Device{at::kCUDA}};
  bool cache = true;

  static AutocastState now() {
    AutocastState state;
    for (Device& device : state.devices) {
      device.enabled = at::autocast::is_autocast_enabled(device.type);
      device.dtype = at::autocast::get_autocast_dtype(device.type);
    }
    state.cache = at::autocast::is_autocast_cache_enabled();
    return state;
  }
  void set() const {
    for (const Device& device : devices) {
      at::autocast::set_autocast_enabled(device.type, device.enabled);
      at::autocast::set_autocast_dtype(device.type, device.dtype);
    }
    at::autocast::set_autocast_cache_enabled(cache);
  }
};

/// Restores saved autocast settings until the end of the scope. Weights that autocast converted inside are
/// forgotten at the end: a cached conversion belongs to one graph.
class AutocastScope {
 public:
  explicit AutocastScope(const AutocastState& state) : before_(AutocastState::now()) {
    at::autocast::increment_nesting();
    state.set();
  }
  ~AutocastScope() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    before_.set();
  }
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  AutocastState before_;
};

/// The states of the CPU's generator and of the generator of `device`.
class RandomState {
 public:
  explicit RandomState(at::Device device) {
    generators_.push_back(at::globalContext().defaultGenerator(at::kCPU));
    if (!device.is_cpu()) generators_.push_back(at::globalContext().defaultGenerator(device));
    for (at::Generator& generator : generators_) {
      const std::lock_guard lock(generator.mutex());
      states_.push_back(generator.get_state());
    }
  }
  void set() {
    for (size_t i = 0; i < generators_.size(); ++i) {
      const std::lock_guard lock(generators_[i].mutex());
      generators_[i].set_state(states_[i]);
    }
  }

 private:
  std::vector<at::Generator> generators_;
  std::vector<at::Tensor> states_;
};

class RandomScope {
 public:
  RandomScope(RandomState state, at::Device device) : before_(device) { state.set(); }
  ~RandomScope() { before_.set(); }
  RandomScope(const RandomScope&) = delete;
  RandomScope& operator=(const RandomScope&) = delete;

 private:
  RandomState before_;
};

struct Recipe : torch::CustomClassHolder {
  Recipe(CheckpointedBlock body, at::Device where)
      : block(std::move(body)), device(where), random(where), autocast(AutocastState::now()) {}
  CheckpointedBlock block;
  at::Device device;
  RandomState random;
  AutocastState autocast;
  std::vector<bool> requires_grad;
};

struct Checkpoint : torch::autograd::Function<Checkpoint> {
  static variable_list forward(AutogradContext* context, const std::shared_ptr<Recipe>& recipe,
                               at::TensorList inputs) {
    context->save_for_backward(inputs.vec());
    context->set_materialize_grads(false);
    context->saved_data["recipe"] =
        c10::IValue::make_capsule(c10::intrusive_ptr<Recipe>::unsafe_steal_from_new(new Recipe(*recipe)));
    const at::AutoGradMode no_gradients(false);
    const PlainPass rounds_as_with_gradients;
    return recipe->block(inputs.vec());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto recipe = c10::static_intrusive_pointer_cast<Recipe>(context->saved_data["recipe"].toCapsule());
    const variable_list saved = context->get_saved_variables();
    variable_list inputs;
    for (size_t i = 0; i < saved.size(); ++i) {
      inputs.push_back(saved[i].defined() ? saved[i].detach() : saved[i]);
      if (saved[i].defined()) inputs[i].set_requires_grad(recipe->requires_grad[i]);
    }
    variable_list outputs;
    {
      const at::AutoGradMode with_gradients(true);
      const RandomScope random(recipe->random, recipe->device);
      const AutocastScope autocast(recipe->autocast);
      outputs = recipe->block(inputs);
    }
    variable_list roots, root_gradients;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!outputs[i].requires_grad() || !gradients[i].defined()) continue;
      roots.push_back(outputs[i]);
      root_gradients.push_back(gradients[i]);
    }
    // The parameters' gradients are accumulated in the parameters, as in a plain backward pass.
    if (!roots.empty()) torch::autograd::backward(roots, root_gradients);
    variable_list result{at::Tensor()};  // there is no gradient for the recipe
    for (const at::Tensor& input : inputs) result.push_back(input.defined() ? input.grad() : input);
    return result;
  }
};

}  // namespace

std::vector<at::Tensor> checkpoint(CheckpointedBlock block, const std::vector<at::Tensor>& inputs) {
  const auto wants_gradient = [](const at::Tensor& input) {
    return input.defined() && input.requires_grad();
  };
  if (!at::GradMode::is_enabled() || std::ranges::none_of(inputs, wants_gradient)) return block(inputs);
  at::Device device = at::kCPU;
  for (const at::Tensor& input : inputs) {
    if (input.defined() && !input.device().is_cpu()) device = input.device();
  }
  const auto recipe = std::make_shared<Recipe>(std::move(block), device);
  for (const at::Tensor& input : inputs) recipe->requires_grad.push_back(wants_gradient(input));
  // Function finds tensors in a TensorList, but not in a vector.
  return Checkpoint::apply(recipe, at::TensorList(inputs));
}

at::Tensor checkpoint(std::function<at::Tensor(const std::vector<at::Tensor>&)> block,
                      const std::vector<at::Tensor>& inputs) {
  return checkpoint(CheckpointedBlock([block = std::move(block)](const std::vector<at::Tensor>& values) {
                      return std::vector<at::Tensor>{block(values)};
                    }),
                    inputs)[0];
}

}  // namespace relievo

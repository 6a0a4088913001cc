#include <optional>
#include <set>
#include <span>
#include <unordered_map>

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/transformers/attention.h>
#include <torch/library.h>

#include "state.h"

namespace fake_cuda {
namespace {

using Stack = std::vector<c10::IValue>;

/// Operators whose answer the host waits for.
bool waits(const std::string& name) {
  static const std::set<std::string> all = {
      "aten::_local_scalar_dense", "aten::nonzero",  "aten::equal",      "aten::masked_select",
      "aten::is_set_to",           "aten::_unique2", "aten::unique_dim", "aten::repeat_interleave"};
  return all.contains(name);
}

/// Operators that real ones let have indices of the CPU, which they copy to the device.
bool takes_indices_of_cpu(const std::string& name) {
  return name == "aten::index" || name == "aten::index_put_" || name == "aten::_index_put_impl_";
}

/// The tensor under the host's address. It keeps no memory.
at::Tensor as_host(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  const c10::Storage& own = tensor.storage();
  c10::Storage storage(c10::Storage::use_byte_size_t(), own.nbytes(),
                       c10::DataPtr(host_address(own.data()), c10::Device(c10::kCPU)));
  at::Tensor host = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU), tensor.dtype());
  host.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(),
                                                    tensor.storage_offset());
  return host;
}

/// One call of an operator for the device by its kernel for the CPU: the arguments under the host's
/// addresses, and what comes back under the device's.
class Call {
 public:
  explicit Call(const c10::OperatorHandle& op) : op_(op), schema_(op.schema()), name_(schema_.name()) {}

  void run(Stack* stack) {
    const size_t count = schema_.arguments().size(), first = stack->size() - count;
    for (size_t i = 0; i < count; ++i) look_at((*stack)[first + i]);
    TORCH_CHECK(device_ >= 0, "The stand-in was called for ", name_, " without a tensor of a device.");
    is_view_ = [&] {  // neither reads nor writes
      bool is_alias = false;
      for (const auto& result : schema_.returns()) is_alias = is_alias || result.alias_info();
      return is_alias && !schema_.is_mutable();
    }();
    const StreamKey stream = key_of(current_stream(device_));
    if (!is_view_ && is_recording(stream)) {
      if (waits(name_)) refuse_while_recording();
      recorded_.emplace(GraphStep{.what = name_});
    }
    uint64_t time = 0;
    if (!is_view_) {
      begin_operation(device_, name_);
      const std::lock_guard lock(state().mutex);
      if (!recorded_) time = begin_step(stream);
    }
    std::vector<AsItWas> written;
    for (size_t i = 0; i < count; ++i) {
      const auto* alias = schema_.arguments()[i].alias_info();
      const bool is_written = alias && alias->isWrite();
      if (!is_view_) note(stream, time, (*stack)[first + i], is_written);
      (*stack)[first + i] = to_host((*stack)[first + i]);
      if (recorded_ && is_written) {
        for_each_tensor((*stack)[first + i], [&](const at::Tensor& tensor) { written.emplace_back(tensor); });
      }
    }
    const Stack arguments(stack->begin() + std::ptrdiff_t(first), stack->end());
    {
      const AllocateOn device(device_);
      const at::AutoDispatchBelowADInplaceOrView guard;
      op_.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
    }
    for (const auto& [host, own] : originals_) write_back(host, own);
    const size_t results = schema_.returns().size();
    for (size_t i = stack->size() - results; i < stack->size(); ++i) {
      (*stack)[i] = to_device((*stack)[i]);
      if (!is_view_) note(stream, time, (*stack)[i], true);
    }
    if (recorded_) return record(stream, arguments, std::span(*stack).last(results), written);
    if (!waits(name_)) return;
    note_transfer(device_);
    synchronize(stream);
  }

 private:
  /// The memory of an argument that a recorded call would change only when the graph is launched.
  class AsItWas {
   public:
    explicit AsItWas(const at::Tensor& host)
        : at_(static_cast<char*>(host.storage().mutable_data())),
          bytes_(at_, at_ + host.storage().nbytes()) {}
    void restore() const { std::copy(bytes_.begin(), bytes_.end(), at_); }

   private:
    char* at_;
    std::vector<char> bytes_;
  };

  /// Has the launches of the graph do the call again, with the results where they are now.
  void record(const StreamKey& stream, const Stack& arguments, std::span<const c10::IValue> results,
              const std::vector<AsItWas>& written) {
    for (const AsItWas& memory : written) memory.restore();
    for (const auto& [host, own] : originals_) {  // one that has grown has lost its memory to the device's
      host.storage().unsafeGetStorageImpl()->set_data_ptr_noswap(
          c10::DataPtr(host_address(own.storage().data()), c10::Device(c10::kCPU)));
    }
    std::vector<at::Tensor> places;
    for (const c10::IValue& result : results) {
      for_each_tensor(result, [&](const at::Tensor& own) { places.push_back(as_host(own)); });
    }
    recorded_->run = [op = op_, arguments, places, count = results.size()] {
      Stack stack = arguments;
      const at::AutoDispatchBelowADInplaceOrView guard;
      op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), &stack);
      size_t next = 0;
      for (const c10::IValue& result : std::span(stack).last(count)) {
        for_each_tensor(result, [&](const at::Tensor& made) {
          const at::Tensor& place = places.at(next++);
          if (made.defined() && made.const_data_ptr() != place.const_data_ptr()) place.copy_(made);
        });
      }
    };
    record_step(stream, std::move(*recorded_));
  }

  template <typename Function>
  static void for_each_tensor(const c10::IValue& value, const Function& function) {
    if (value.isTensor()) {
      function(value.toTensor());
    } else if (value.isTensorList()) {
      for (const at::Tensor& tensor : value.toTensorVector()) function(tensor);
    } else if (value.isOptionalTensorList()) {
      for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector()) {
        if (tensor) function(*tensor);
      }
    }
  }

  void look_at(const c10::IValue& value) {
    if (value.isDevice() && value.toDevice().is_cuda()) {
      const c10::Device device = value.toDevice();
      take_device(device.has_index() ? device.index() : current_device());
    }
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      if (!tensor.defined()) return;
      if (tensor.is_cuda()) return take_device(tensor.get_device());
      TORCH_CHECK(tensor.is_cpu() && (tensor.dim() == 0 || takes_indices_of_cpu(name_)),
                  "Expected all tensors to be on the same device, but ", name_, " got one of ",
                  tensor.sizes(), " on ", tensor.device());
    });
  }

  void take_device(int device) {
    TORCH_CHECK(device_ < 0 || device_ == device,
                "Expected all tensors to be on the same device, but found at least two devices, cuda:",
                device_, " and cuda:", device, ", in ", name_);
    device_ = device;
  }

  void note(const StreamKey& stream, uint64_t time, const c10::IValue& value, bool is_written) {
    const std::lock_guard lock(state().mutex);
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      if (!tensor.defined() || !tensor.is_cuda()) return;
      if (recorded_) return recorded_->touches.push_back(touch_of(tensor.storage().data(), is_written));
      (is_written ? note_write : note_read)(stream, time, tensor.storage().data(), name_);
    });
  }

  c10::IValue to_host(const c10::IValue& value) {
    if (value.isDevice()) return c10::Device(c10::kCPU);
    if (value.isTensor()) return to_host(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> all;
      for (const at::Tensor& tensor : value.toTensorVector()) all.push_back(to_host(tensor));
      return all;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> all;
      for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector())
        all.push_back(tensor ? std::optional(to_host(*tensor)) : std::nullopt);
      return all;
    }
    return value;
  }

  at::Tensor to_host(const at::Tensor& own) {
    if (!own.defined() || own.is_cpu()) return own;
    const auto found = hosts_.find(own.unsafeGetTensorImpl());
    if (found != hosts_.end()) return found->second;
    c10::StorageImpl* const storage = own.storage().unsafeGetStorageImpl();
    auto& host_storage = storages_[storage];
    if (!host_storage) {
      host_storage = c10::Storage(c10::Storage::use_byte_size_t(), storage->nbytes(),
                                  c10::DataPtr(host_address(storage->data()), c10::Device(c10::kCPU)),
                                  c10::GetAllocator(c10::kCPU), true);
      own_storages_.emplace(host_storage.unsafeGetStorageImpl(), own.storage());
    }
    at::Tensor host = at::detail::make_tensor<c10::TensorImpl>(
        c10::Storage(host_storage), c10::DispatchKeySet(c10::DispatchKey::CPU), own.dtype());
    set_shape(host, own);
    if (own.unsafeGetTensorImpl()->is_wrapped_number()) host.unsafeGetTensorImpl()->set_wrapped_number(true);
    hosts_.emplace(own.unsafeGetTensorImpl(), host);
    originals_.emplace_back(host, own);
    return host;
  }

  static void set_shape(const at::Tensor& to, const at::Tensor& from) {
    to.unsafeGetTensorImpl()->set_sizes_and_strides(from.sizes(), from.strides(), from.storage_offset());
  }

  /// What the kernel changed of an argument besides its values: its shape, and the memory where it grew.
  void write_back(const at::Tensor& host, const at::Tensor& own) {
    c10::StorageImpl* const changed = host.storage().unsafeGetStorageImpl();
    const auto known = own_storages_.find(changed);
    TORCH_CHECK(known != own_storages_.end(), "The stand-in cannot follow ", name_, " to another storage.");
    c10::StorageImpl* const storage = own.storage().unsafeGetStorageImpl();
    if (changed->data() != host_address(storage->data())) {
      storage->set_data_ptr_noswap(moved(*changed));
      storage->set_nbytes(changed->nbytes());
    }
    if (host.sizes() != own.sizes() || host.strides() != own.strides() ||
        host.storage_offset() != own.storage_offset())
      set_shape(own, host);
  }

  /// The memory of a host's storage as the device's.
  c10::DataPtr moved(c10::StorageImpl& storage) const {
    const auto bytes = int64_t(storage.nbytes());
    if (auto own = device_part(storage.set_data_ptr(c10::DataPtr()))) return std::move(*own);
    TORCH_CHECK(bytes == 0, name_, " made its result in memory that is not the device's.");
    return {nullptr, c10::Device(c10::kCUDA, c10::DeviceIndex(device_))};
  }

  c10::IValue to_device(const c10::IValue& value) {
    if (value.isTensor()) return to_device(value.toTensor());
    if (value.isTensorList()) {
      c10::List<at::Tensor> all;
      for (const at::Tensor& tensor : value.toTensorVector()) all.push_back(to_device(tensor));
      return all;
    }
    return value;
  }

  at::Tensor to_device(const at::Tensor& host) {
    if (!host.defined() || host.is_cuda()) return host;
    for (const auto& [argument, own] : originals_) {
      if (argument.unsafeGetTensorImpl() == host.unsafeGetTensorImpl()) return own;
    }
    c10::StorageImpl* const storage = host.storage().unsafeGetStorageImpl();
    auto known = own_storages_.find(storage);
    if (known == own_storages_.end()) {
      const auto bytes = int64_t(storage->nbytes());
      c10::Storage made(c10::Storage::use_byte_size_t(), bytes, moved(*storage), allocator(), true);
      known = own_storages_.emplace(storage, std::move(made)).first;
    }
    at::Tensor own = at::detail::make_tensor<c10::TensorImpl>(
        c10::Storage(known->second), c10::DispatchKeySet(c10::DispatchKey::CUDA), host.dtype());
    set_shape(own, host);
    return own;
  }

  const c10::OperatorHandle& op_;
  const c10::FunctionSchema& schema_;
  const std::string name_;
  int device_ = -1;
  bool is_view_ = false;
  std::optional<GraphStep> recorded_;  // where the stream records
  std::unordered_map<c10::TensorImpl*, at::Tensor> hosts_;
  std::vector<std::pair<at::Tensor, at::Tensor>> originals_;          // host, device
  std::unordered_map<c10::StorageImpl*, c10::Storage> storages_;      // by the device's: the host's
  std::unordered_map<c10::StorageImpl*, c10::Storage> own_storages_;  // by the host's: the device's
};

void run_on_host(const c10::OperatorHandle& op, c10::DispatchKeySet, Stack* stack) { Call(op).run(stack); }

int index_of(std::optional<at::Device> device) {
  return device && device->has_index() ? device->index() : current_device();
}

/// While it lives the thread's device is another.
class OnDevice {
 public:
  explicit OnDevice(int device) : guard_(c10::Device(c10::kCUDA, c10::DeviceIndex(device))) {}

 private:
  c10::DeviceGuard guard_;
};

constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::CUDA);

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> type, std::optional<at::Layout>,
                 std::optional<at::Device> device, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const OnDevice guard(index_of(device));
  return at::detail::empty_generic(size, allocator(), kKeys, c10::dtype_or_default(type), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> type,
                         std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>) {
  const OnDevice guard(index_of(device));
  return at::detail::empty_strided_generic(size, stride, allocator(), kKeys, c10::dtype_or_default(type));
}

/// A copy of a graph. One that waits, or that the host's pageable memory has a part in, and one between
/// devices cannot be recorded.
at::Tensor& record_copy(const StreamKey& stream, at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  const bool is_of_host = to.is_cpu() || from.is_cpu();
  const at::Tensor& host = to.is_cpu() ? to : from;
  if (is_of_host ? !non_blocking || !is_pinned(host.storage().data()) : to.device() != from.device())
    refuse_while_recording();
  begin_operation(stream.first, "aten::copy_");
  GraphStep step{.what = "aten::copy_"};
  {
    const std::lock_guard lock(state().mutex);
    if (from.is_cuda()) step.touches.push_back(touch_of(from.storage().data(), false));
    if (to.is_cuda()) step.touches.push_back(touch_of(to.storage().data(), true));
  }
  step.run = [there = as_host(to), here = as_host(from)] {
    const at::AutoDispatchBelowADInplaceOrView guard;
    there.copy_(here);
  };
  record_step(stream, std::move(step));
  return to;
}

/// As LibTorch's own for CUDA: on the current stream of the source's device, or of the only one; what comes
/// from the host's pageable memory has left it, and what goes there has arrived, unless nothing shall block.
at::Tensor& copy(at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  if (to.is_same(from)) return to;
  if (from.is_cpu() && from.dim() == 0 && to.numel() == 0) return to;
  static const std::string name = "aten::copy_";
  const int device = from.is_cuda() ? from.get_device() : to.get_device();
  const int other = to.is_cuda() ? to.get_device() : device;
  const StreamKey stream = key_of(current_stream(device)), others = key_of(current_stream(other));
  if (is_recording(stream)) return record_copy(stream, to, from, non_blocking);
  begin_operation(device, name);
  if (to.is_cpu() || from.is_cpu()) {
    const at::Tensor& host = to.is_cpu() ? to : from;
    note_transfer(device, is_pinned(host.storage().data()) ? int64_t(from.nbytes()) : 0);
  }
  if (other != device) check_device(other);
  {
    const std::lock_guard lock(state().mutex);
    if (other != device) {  // between two devices both streams wait for each other
      begin_step(others);
      state().streams[stream].join(state().streams[others]);
    }
    const uint64_t time = begin_step(stream);
    if (from.is_cuda()) note_read(stream, time, from.storage().data(), name);
    if (to.is_cuda()) note_write(stream, time, to.storage().data(), name);
    Block* const block = to.is_cuda() && from.is_cpu() ? block_at(to.storage().data()) : nullptr;
    if (block) block->came_from_host = true;
    if (other != device) state().streams[others].join(state().streams[stream]);
  }
  {
    const at::AutoDispatchBelowADInplaceOrView guard;
    as_host(to).copy_(as_host(from));
  }
  if (!(from.is_cuda() && to.is_cuda()) && !non_blocking) synchronize(stream);
  return to;
}

void record_stream(at::Tensor& tensor, c10::Stream stream) {
  allocator()->recordStream(tensor.storage().data_ptr(), stream);
}

/// LibTorch's choice for a device, for what matters here: half precision needs compute capability 8.0
/// (bfloat16) and gets flash attention, float32 the memory-efficient one.
int64_t choose_attention(const at::Tensor& query, const at::Tensor&, const at::Tensor&,
                         const std::optional<at::Tensor>& mask, double, bool, std::optional<double>, bool) {
  constexpr int64_t kMath = 0, kFlash = 1, kEfficient = 2;
  const std::lock_guard lock(state().mutex);
  const Device& device = state().devices.at(size_t(query.get_device())).made;
  const bool is_ampere = device.compute_major >= 8;
  const auto type = query.scalar_type();
  if (type == at::kBFloat16 && !is_ampere) return kMath;
  if ((type == at::kBFloat16 || type == at::kHalf) && is_ampere && !mask) return kFlash;
  return type == at::kDouble ? kMath : kEfficient;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> efficient_attention(
    const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
    const std::optional<at::Tensor>& mask, bool, double dropout, bool is_causal,
    std::optional<double> scale) {
  auto [output, sums] =
      at::_scaled_dot_product_flash_attention_for_cpu(query, key, value, dropout, is_causal, mask, scale);
  return {output, sums, {}, {}};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, c10::SymInt, c10::SymInt, at::Tensor, at::Tensor,
           at::Tensor>
flash_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value, double dropout,
                bool is_causal, bool, std::optional<double> scale) {
  auto [output, sums] = at::_scaled_dot_product_flash_attention_for_cpu(query, key, value, dropout, is_causal,
                                                                        std::nullopt, scale);
  return {output, sums, {}, {}, query.sym_size(2), key.sym_size(2), {}, {}, {}};
}

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_host>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", TORCH_FN(empty));
  m.impl("empty_strided", TORCH_FN(empty_strided));
  m.impl("copy_", TORCH_FN(copy));
  m.impl("record_stream", TORCH_FN(record_stream));
  m.impl("_scaled_dot_product_efficient_attention", TORCH_FN(efficient_attention));
  m.impl("_scaled_dot_product_flash_attention", TORCH_FN(flash_attention));
  // Else LibTorch would choose among convolutions for CUDA.
  m.impl("convolution", torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
  m.impl("_convolution", torch::CppFunction::makeFromBoxedFunction<&run_on_host>());
}

const bool g_attention = [] {
  at::native::_fused_sdp_choice_stub.set_cuda_dispatch_ptr(&choose_attention);
  return true;
}();

}  // namespace
}  // namespace fake_cuda

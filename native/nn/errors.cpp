#include "nn/errors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <regex>
#include <string>
#include <string_view>

#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

namespace relievo {
namespace {

/// Words by which libraries tell, in exceptions of a general class, that there is no memory left for them.
constexpr std::array kWordsOfWant = {
    std::string_view("DefaultCPUAllocator: "),     // the CPU's allocator
    std::string_view("out of memory"),             // CUDA's driver and runtime
    std::string_view("STATUS_ALLOC_FAILED"),       // cuBLAS, cuDNN, cuSOLVER
    std::string_view("DEVICE_ALLOCATION_FAILED"),  // cuDNN 9's longer names
    std::string_view("HOST_ALLOCATION_FAILED"),
    std::string_view("CUBLAS_STATUS_NOT_INITIALIZED"),  // its handle takes memory when it is made
    std::string_view("CUDNN_STATUS_NOT_INITIALIZED"),
    std::string_view("unable to find an engine"),  // no cuDNN engine's workspace can be allocated
    std::string_view("cudaErrorMemoryAllocation"),
    std::string_view("could not create a primitive"),  // oneDNN
    std::string_view("could not create a memory"),
    std::string_view("Cannot allocate memory"),  // the system
};

/// Words by which they tell that the device's context is lost, after which every call fails.
constexpr std::array kWordsOfLoss = {
    std::string_view("CUDA error: "),
    std::string_view("CUDA driver error: "),
    std::string_view("CUBLAS_STATUS_EXECUTION_FAILED"),
    std::string_view("CUDNN_STATUS_EXECUTION_FAILED"),
    std::string_view("CUBLAS_STATUS_INTERNAL_ERROR"),
    std::string_view("CUDNN_STATUS_INTERNAL_ERROR"),
};

template <size_t Count>
bool says_any(const std::string& message, const std::array<std::string_view, Count>& words) {
  return std::ranges::any_of(words, [&](std::string_view w) { return message.find(w) != std::string::npos; });
}

/// The bytes of a size ("2.50 GiB") that stands right after `before` or right before `after` in torch's
/// message.
std::optional<double> size_in(const std::string& message, const std::string& before,
                              const std::string& after) {
  std::smatch match;
  if (!std::regex_search(message, match, std::regex(before + R"(([0-9.]+) (bytes|KiB|MiB|GiB))" + after)))
    return {};
  const std::string unit = match[2];
  const double factor = unit == "GiB" ? 0x1p30 : unit == "MiB" ? 0x1p20 : unit == "KiB" ? 0x1p10 : 1;
  return std::stod(match[1]) * factor;
}

Error out_of_memory(const std::string& message) {
  // The facts are what was asked for, what is allocated and what other programs hold; the advice that follows
  // is torch's and left out.
  const std::string facts = message.substr(0, message.find(" If reserved but unallocated memory is large"));
  const auto asked = size_in(message, "Tried to allocate ", "");
  const auto unused = size_in(message, "", " is reserved by PyTorch but unallocated");
  const std::string hint =
      asked && unused && *unused >= *asked
          ? "Start Relievo (or Blender) again, for the free memory is in blocks that are too small. Or use "
            "--allocator expandable-segments."
          : "Close other programs that use the device, or choose another device.";
  // Our own allocator's message is complete already.
  const bool is_whole = facts.find("ran out of memory") != std::string::npos;
  return {ErrorCode::kOutOfMemory, is_whole ? facts : fmt::format("The device ran out of memory: {}", facts),
          hint};
}

constexpr int kCudaErrorMemoryAllocation = 2;

/// The stream that the thread's GPU computes on, as workers set it. There is none for a thread without a GPU,
/// which has the default stream: asking for its state would create a context.
std::optional<c10::Stream> stream_of_gpu() {
  try {
    const c10::impl::VirtualGuardImpl cuda(c10::kCUDA);
    const c10::Device gpu = cuda.getDevice();
    const c10::Stream stream = cuda.getStream(gpu);
    if (stream == cuda.getDefaultStream(gpu)) return {};
    return stream;
  } catch (...) {
    return {};  // there may be no driver
  }
}

/// Returns whether the thread's GPU is lost: its context then answers every call with the same error, under
/// whatever name a library has passed on the first one.
bool is_gpu_lost() {
  if (!c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return false;
  const auto stream = stream_of_gpu();
  if (!stream) return false;
  try {
    c10::impl::VirtualGuardImpl(c10::kCUDA).queryStream(*stream);
    return false;
  } catch (const c10::AcceleratorError& error) {
    return error.get_error_code() != kCudaErrorMemoryAllocation;
  } catch (...) {
    return false;
  }
}

Error device_lost(const std::string& message) {
  return {
      ErrorCode::kDeviceLost, message,
      "Look for the device with `relievo devices` or nvidia-smi, start Relievo (or Blender) again, or use "
      "--devices cpu."};
}

}  // namespace

Error current_torch_error() {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    return out_of_memory(error.what_without_backtrace());
  } catch (const c10::AcceleratorError& error) {
    // After any other error of the CUDA runtime, its context answers every call with that error.
    const std::string message = error.what_without_backtrace();
    return error.get_error_code() == kCudaErrorMemoryAllocation ? out_of_memory(message)
                                                                : device_lost(message);
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    if (is_gpu_lost()) return device_lost(message);
    if (says_any(message, kWordsOfWant)) return out_of_memory(message);
    if (says_any(message, kWordsOfLoss)) return device_lost(message);
    return {ErrorCode::kInternal, message, "This is a fault in Relievo; please report it with its log."};
  } catch (...) {
    const Error error = current_error();
    if (error.code() != ErrorCode::kInternal) return error;
    if (says_any(error.message(), kWordsOfWant)) return out_of_memory(error.message());
    return is_gpu_lost() ? device_lost(error.message()) : error;
  }
}

}  // namespace relievo

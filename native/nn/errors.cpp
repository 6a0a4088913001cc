#include "nn/errors.h"

#include <string>

#include <c10/util/Exception.h>

namespace relievo {

Error current_torch_error() {
  const auto out_of_memory = [] {
    return Error(ErrorCode::kOutOfMemory, "The device ran out of memory.",
                 "Close other programs, or use a smaller grid or texture.");
  };
  try {
    throw;
  } catch (const c10::AcceleratorError& error) {
    // After any other error of the CUDA runtime its context answers every call with the same.
    constexpr int kCudaErrorMemoryAllocation = 2;
    if (error.get_error_code() == kCudaErrorMemoryAllocation) return out_of_memory();
    return {
        ErrorCode::kDeviceLost, error.what_without_backtrace(),
        "Look for the device with `relievo devices` or nvidia-smi, start Relievo (or Blender) again, or use "
        "--devices cpu."};
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    // The CPU's allocator throws the general class.
    const bool is_out_of_memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                                  message.find("DefaultCPUAllocator: ") != std::string::npos ||
                                  message.find("STATUS_ALLOC_FAILED") != std::string::npos;
    if (is_out_of_memory) return out_of_memory();
    return {ErrorCode::kInternal, message, "This is a fault in Relievo; please report it with its log."};
  } catch (...) {
    return current_error();
  }
}

}  // namespace relievo

#include "nn/errors.h"

#include <string>

#include <c10/util/Exception.h>

namespace relievo {

Error current_torch_error() {
  try {
    throw;
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    // The CPU's allocator throws the general class.
    const bool is_out_of_memory = dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
                                  message.find("DefaultCPUAllocator: ") != std::string::npos;
    if (is_out_of_memory) {
      return {ErrorCode::kOutOfMemory, "The device ran out of memory.",
              "Close other programs, or use a smaller grid or texture."};
    }
    return {ErrorCode::kInternal, message, "This is a fault in Relievo; please report it with its log."};
  } catch (...) {
    return current_error();
  }
}

}  // namespace relievo

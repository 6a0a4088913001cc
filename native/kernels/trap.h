// A kernel that fails as an illegal address does, for the check of what a fault on a GPU comes to.
#pragma once

namespace relievo::kernels {

/// Throws Error{kInvalidSettings}: the processor has no context to lose.
void trap_cpu();

/// The device's context is lost from here on: whatever the process asks of that GPU next fails. Returns
/// without waiting. Only builds with CUDA (RELIEVO_CUDA) have it. Throws Error{kDeviceLost} when the launch
/// fails.
void trap_cuda(void* stream);

}  // namespace relievo::kernels

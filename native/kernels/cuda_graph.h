// What a stream is given, recorded once and then given again by one call (a CUDA graph). Only builds with
// CUDA (RELIEVO_CUDA) have these functions. `stream` is a cudaStream_t, a graph a cudaGraphExec_t.
#pragma once

namespace relievo::kernels {

/// From now on what this thread gives to the stream is recorded and not computed, until one of the next two
/// ends it; meanwhile this thread must not wait for the device. Other threads may do what they like on other
/// streams. Throws Error{kInternal}.
void begin_recording(void* stream);

/// Returns the graph, which destroy_graph() takes, or throws Error{kInternal}; either way nothing is recorded
/// any more.
void* end_recording(void* stream);
void abandon_recording(void* stream) noexcept;

/// Gives the recorded work to the stream. Throws Error{kInternal}.
void launch_graph(void* graph, void* stream);
void destroy_graph(void* graph) noexcept;

}  // namespace relievo::kernels

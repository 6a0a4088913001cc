// Whether threads can be started, before libraries need them: LibTorch waits for ever for those that are
// missing, and OpenMP ends the process.
#pragma once

namespace relievo {

/// Starts so many threads, which end at once.
bool has_room_for_threads(int threads);

/// Throws Error{kOutOfMemory} where there is none.
void require_room_for_threads(int threads);

}  // namespace relievo

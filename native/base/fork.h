// Threads do not survive fork(): neither those of an engine nor those of OpenMP and LibTorch, and what waits
// for them waits for ever.
#pragma once

namespace relievo {

/// Who starts threads, or has them started, calls it before.
void use_threads();

/// Whether this process was forked off from one that used threads. It stays so for its children, too.
bool has_lost_threads();

/// Throws Error{kInvalidSettings} where has_lost_threads(): `what` ("This engine") does not work here.
void require_threads(const char* what);

}  // namespace relievo

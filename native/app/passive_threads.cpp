// How the program's threads wait for work.
#include <cstring>

#include <unistd.h>

namespace {

/// Lets OpenMP's threads sleep while they wait for work. Without that they keep the cores busy for some
/// milliseconds after each parallel loop: a quarter of the processor time of a preview. OpenMP reads from the
/// environment how to wait, once, when it is loaded with the program, so the program is started again in its
/// own place with OMP_WAIT_POLICY=passive: before any library has begun, which costs the loader's 20 ms.
/// Nothing happens where the environment says how threads wait, or where the program cannot be started again.
// Sanitizers have not begun either.
__attribute__((no_sanitize("address", "thread", "undefined"))) void wait_passively(int /*argc*/, char** argv,
                                                                                   char** environment) {
  constexpr const char* kSaid[] = {"OMP_WAIT_POLICY=", "GOMP_SPINCOUNT="};
  constexpr int kMostVariables = 8000;
  static char* longer[kMostVariables + 2];
  static char passive[] = "OMP_WAIT_POLICY=passive";
  int count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (count == kMostVariables) return;
    for (const char* said : kSaid) {
      if (std::strncmp(environment[count], said, std::strlen(said)) == 0) return;
    }
    longer[count] = environment[count];
  }
  longer[count] = passive;
  ::execve("/proc/self/exe", argv, longer);
}

// The loader calls these of the program before the initialisers of all libraries.
__attribute__((section(".preinit_array"), used)) void (*const g_first)(int, char**, char**) = wait_passively;

}  // namespace

#include "base/resident_memory.h"

#include <fstream>
#include <string>

namespace relievo {

void reset_peak_resident_bytes() {
  // Linux, proc(5): writing 5 resets VmHWM to the present size.
  std::ofstream("/proc/self/clear_refs") << "5";
}

int64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    int64_t kibibytes = 0;
    if (key == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace relievo

#include "base/resident_memory.h"

#include <fstream>
#include <string>

namespace relievo {
namespace {

/// A number of bytes in Linux's account of the process; 0 where there is none.
int64_t kept_by_the_system(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    int64_t kibibytes = 0;
    if (key == name && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

void reset_peak_resident_bytes() {
  // Linux, proc(5): writing 5 resets VmHWM to the present size.
  std::ofstream("/proc/self/clear_refs") << "5";
}

int64_t peak_resident_bytes() { return kept_by_the_system("VmHWM:"); }

int64_t anonymous_bytes() { return kept_by_the_system("RssAnon:"); }

}  // namespace relievo

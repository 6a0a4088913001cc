// What was measured on the devices of this machine, from one run of the program to the next.
#pragma once

#include <string>
#include <vector>

#include "runtime/costs/costs.h"

namespace relievo {

/// Keeps samples by device (Slot::product) in a JSON file of the user's cache folder. A file that cannot be
/// read counts as empty: it is a cache. Throws Error{kIo} when writing fails.
class CostStore {
 public:
  explicit CostStore(std::string path = default_path());

  static std::string default_path();  ///< $XDG_CACHE_HOME/relievo/costs.json

  const std::string& path() const { return path_; }
  std::vector<CostSample> samples(const std::string& device) const;
  /// Replaces what is known of the same stage, variant, size, mode, batch and threads.
  void add(const std::string& device, const std::vector<CostSample>& samples) const;

 private:
  std::string path_;
};

}  // namespace relievo

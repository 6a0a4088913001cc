// What many pictures will take, before anything is computed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace relievo {

struct DevicePeak {
  std::string device;
  int64_t peak_bytes = 0;
};

struct Estimate {
  int pictures = 0;
  double seconds = 0;                     ///< for all of them, without loading weights
  std::vector<DevicePeak> devices = {};   ///< the most that each will hold
  bool is_measured = false;               ///< false where costs come from formulas alone
  std::vector<std::string> refused = {};  ///< sentences about settings with which nothing can be planned

  /// `80 min on cpu, which needs up to 2.3 GiB; estimated, for nothing was measured on this machine`
  std::string sentence() const;
};

/// Plans each kind of settings for as many pictures as have it, on the devices of the options, and adds the
/// times up. Throws Error{kInvalidSettings} for devices that are not there.
Estimate estimate(const std::vector<Settings>& pictures, const EngineOptions& options);

/// `45 s`, `12 min`, `3 h 20 min`.
std::string format_duration(double seconds);

}  // namespace relievo

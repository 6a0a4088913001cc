// Measures what the stages cost on the devices of this machine, for the command line, Python and the
// extension.
#pragma once

#include <functional>
#include <string>

#include "base/control.h"

namespace relievo {

struct ProfileQuestion {
  std::string devices;  ///< as EngineOptions::devices; those of a kind are measured at the same time
  std::string model;    ///< empty: the first that is installed with all it needs, else preview
  bool quick = false;   ///< smaller sizes, one picture at a time, only the first mode of each stage
  CancelToken cancel = {};
};

/// Any of these may be empty.
struct ProfileListener {
  /// Is called often, with the share of this kind of device that is done.
  std::function<void(const std::string& device, const std::string& what, double fraction)> on_step;
  /// Is called for every kind of device when its costs are kept: as a table, and as a JSON object.
  std::function<void(const std::string& table, const std::string& json)> on_kind;
  /// Is called with what links between GPUs were measured to do, a line each.
  std::function<void(const std::string& lines)> on_links;
};

/// The model that is measured where this one is wanted.
std::string profiled_model(const std::string& wanted);

/// Measures the stages on every kind of device, and the links between GPUs, and keeps both for plans. Throws
/// Error{kInvalidSettings}, Error{kModelMissing}, Error{kOutOfMemory}, Error{kIo}, Error{kCancelled}.
void profile_devices(const ProfileQuestion& question, const ProfileListener& listener);

}  // namespace relievo

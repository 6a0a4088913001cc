// A folder of samples, made of many objects: in parallel, and again from where it was stopped.
//
// The folder holds
// - `data.json`: the settings, which do not change later;
// - `objects.jsonl`: one line an object: name, source, family, licence, author, part (sources.h);
// - `samples/NAME.safetensors`: the samples of an object (samples.h);
// - `refused.jsonl`: one line for each object that cannot be used: name, reason.
#pragma once

#include <filesystem>
#include <functional>

#include "base/control.h"
#include "train/data/samples.h"
#include "train/data/sources.h"

namespace relievo {

struct DataSettings {
  SampleSettings samples = {};
  uint64_t seed = 0;
  int threads = 1;
  bool retry_refused = false;  ///< tries the objects of refused.jsonl again
};

struct DataCounts {
  int made = 0;
  int kept = 0;     ///< were there before
  int refused = 0;  ///< now or before
  int total = 0;
  int done() const { return made + kept + refused; }
};

/// Makes what is missing. `on_object` is called after each, one at a time, with what is done so far. Objects
/// that cannot be read or used are refused with their reason, and the others go on. Throws Error{kIo} for a
/// folder that cannot be written or that another process writes, Error{kInvalidSettings} for settings that
/// differ from the folder's, Error{kCancelled}; what was made is kept then.
DataCounts make_data(const std::vector<ObjectEntry>& objects, const std::filesystem::path& folder,
                     const DataSettings& settings, const CancelToken& cancel = {},
                     const std::function<void(const DataCounts&)>& on_object = {});

}  // namespace relievo

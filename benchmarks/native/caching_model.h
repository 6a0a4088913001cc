// A model of torch's caching allocator of GPU memory: what a recorded run would have reserved from the
// device.
//
// The rules are those that PyTorch documents ("CUDA semantics: memory management") and its allocator's
// constants: sizes are rounded up to 512 bytes; up to 1 MiB comes from 2 MiB segments, up to 10 MiB from 20
// MiB segments, more from segments rounded to 2 MiB; the best fitting free block is taken and split;
// neighbours that are free grow together; when the device is full, free segments are given back. With
// max_split_size larger blocks are neither split nor given to requests below it. With expandable segments a
// pool is one segment that grows at its end by pages of 2 MiB (small) or 20 MiB, so free memory is never
// stuck between segments.
#pragma once

#include <cstdint>
#include <vector>

namespace relievo {

/// One step of a run: a block is taken (bytes > 0) or freed (bytes = 0).
struct MemoryEvent {
  int64_t block = 0;
  int64_t bytes = 0;
};

struct CachingSettings {
  int64_t max_split_bytes = 0;  ///< 0: no limit
  bool expandable = false;
  double garbage_collection = 0;  ///< give free segments back above this part of the capacity; 0: never
  int64_t capacity_bytes = int64_t{1} << 60;  ///< of the device
};

struct CachingRun {
  int64_t peak_allocated = 0;  ///< bytes in blocks, as asked for
  int64_t peak_reserved = 0;   ///< bytes taken from the device
  double fragmentation = 0;    ///< 1 - peak_allocated / peak_reserved
  int64_t device_calls = 0;    ///< segments taken and given back, or pages mapped: each stalls a GPU
  bool out_of_memory = false;  ///< the capacity was passed; the rest was not run
};

CachingRun replay(const std::vector<MemoryEvent>& events, const CachingSettings& settings);

}  // namespace relievo

// The samples of a training: which one comes when, and how it is varied. Both depend on the seed and the
// sample's number alone, so that a run goes on with the same data, on any number of processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "weights/tensor_file.h"

namespace relievo {

/// What a network sees of a sample.
enum class Seen {
  kCompact,   ///< a picture of the compact network's size, with its inflation
  kPicture,   ///< a picture of any size
  kSixViews,  ///< the views of Zero123++'s cameras (train/data/six_views.h)
};

/// B samples, float32. Lengths are in the view's box; of six views, in the model box. What is not seen is
/// undefined.
struct SampleBatch {
  at::Tensor pictures;   ///< [B, S, S, 4], or of six views [B, 6, S, S, 4]; sRGB-encoded, straight alpha
  at::Tensor input;      ///< [B, 6, S, S] (reconstruct/compact_input.h); for kCompact alone
  at::Tensor points;     ///< [B, P, 3]
  at::Tensor distances;  ///< [B, P]
  at::Tensor inflated;   ///< [B, P] the inflation's distances; for kCompact alone
  at::Tensor colours;    ///< [B, P, 3] sRGB-encoded 0..1
  at::Tensor depths;  ///< [B, 4, D, D] front and back of two intervals; NaN where there is none; of one view
  at::Tensor elevation;  ///< [B]; of one view

  SampleBatch to(at::Device device) const;
};

enum class Varied { kNo, kYes };

class SampleSet {
 public:
  /// Takes the objects of these folders (train/data/make_data.h) that are trained on, and the held-out ones
  /// too where that is asked. Throws Error{kIo, kInvalidSettings} for a folder that has none.
  SampleSet(const std::vector<std::filesystem::path>& folders, Seen seen, bool held_out_too,
            double family_power, int64_t seed);

  size_t objects() const { return objects_; }
  size_t families() const { return families_.size(); }
  /// The lines of `objects.jsonl` (train/data/make_data.h) of the objects that are trained on: whose they
  /// are.
  const std::vector<std::string>& origins() const { return origins_; }

  /// The samples of these numbers, 0 being the first of the training: a family is drawn, an object of it, a
  /// view of that. Varied ones are flipped left to right (but six views), their colour channels change
  /// places, and their brightness changes. Throws Error{kModelCorrupt, kModelMismatch} for a damaged file,
  /// Error{kInvalidSettings} for pictures of another size or kind than the network's.
  SampleBatch batch(const std::vector<int64_t>& numbers, Varied varied) const;

 private:
  /// A picture's inflation, which takes as long as a tenth of a step: it is kept, in half precision.
  struct Inflated {
    at::Tensor heights;    // [S, S] float16
    at::Tensor distances;  // [P] float16
  };

  struct Drawn;

  SampleBatch together(const std::vector<Drawn>& samples) const;
  const TensorFile& file_of(const std::filesystem::path& path) const;
  Inflated inflated(const std::filesystem::path& path, int view, const at::Tensor& picture,
                    const at::Tensor& points) const;

  struct Family {
    std::vector<std::filesystem::path> files;
    double upto = 0;  // the sum of the weights up to this family, the last being 1
  };
  std::vector<Family> families_;
  std::vector<std::string> origins_;
  Seen seen_;
  size_t objects_ = 0;
  int64_t seed_;
  mutable std::mutex mutex_;
  mutable std::map<std::filesystem::path, TensorFile> open_;  // mapped: the disk's cache holds what is used
  mutable std::map<std::pair<std::filesystem::path, int>, Inflated> inflated_;
};

}  // namespace relievo

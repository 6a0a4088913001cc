// Measures a model and the inflation on objects that were never trained on.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/control.h"
#include "reconstruct/compact_field.h"
#include "train/data/shape_score.h"
#include "train/data/sources.h"

namespace relievo {

struct MeasuredObject {
  Origin origin;
  ShapeScore inflation = {};  ///< of the embedded model `preview`, with its default settings
  ShapeScore network = {};    ///< the same as inflation where there is no network
};

struct EvaluateOptions {
  std::shared_ptr<const CompactNetwork> network = nullptr;
  CompactShape shape = CompactShape::kDistances;
  int grid = 96;                      ///< cubes a side of the surfaces
  int per_family = 8;                 ///< objects of a family at most
  std::filesystem::path sheets = {};  ///< a folder for a contact sheet of each object; none where it is empty
  CancelToken cancel = {};
  std::function<void(const MeasuredObject&)> on_object = {};
};

/// Measures the held-out objects among these, in their order. What cannot be loaded or rendered is left out.
/// Throws Error{kInvalidSettings} where none is held out, Error{kIo, kCancelled}.
std::vector<MeasuredObject> evaluate(const std::vector<ObjectEntry>& objects, const EvaluateOptions& options);

/// A mean over families of each family's mean, and the objects' interval.
struct Figures {
  std::string source;
  std::string part;  ///< `held-out object` or `held-out family`
  int objects = 0;
  int families = 0;
  ShapeScore inflation = {}, network = {};
  /// Of the network's F-score at 0.05 less the inflation's: the mean over objects, and how far the 95 %
  /// interval reaches either way (1.96 standard errors).
  double gain = 0, gain_reach = 0;
};

/// By source and part, and of all sources together, as `all`. Objects of our own generator count for nothing
/// and are left out.
std::vector<Figures> figures_of(const std::vector<MeasuredObject>& measured);

/// One sentence for each part of the rule that the network does not meet yet: `compact` becomes the default
/// when its F-score at 0.05 is 0.08 above the inflation's on held-out objects, with the interval's lower end
/// above 0.04, not below it on held-out families, and on no family of five or more objects worse by more than
/// 0.05.
std::vector<std::string> shortfalls(const std::vector<MeasuredObject>& measured);

}  // namespace relievo

// What the stages after reconstruction ask their points of: the picture's field, on their own slot.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/pipeline_stage.h"
#include "reconstruct/triplane_field.h"

namespace relievo {

/// Makes the field of a mesh model out of its planes; benchmarks replace it, so that random weights have a
/// surface. Set before the engine is used.
using MakeMeshField =
    std::function<std::shared_ptr<const Field>(at::Tensor planes, std::shared_ptr<const MeshHeads> heads)>;
MakeMeshField& make_mesh_field();

/// Faces of the surface with these settings that is meshed on a grid of `side` values a side: about a ball's
/// as large as the subject, or as many as are asked for.
double expected_faces(const Settings& settings, double side);
double meshed_faces(double side);  ///< the same before simplification

/// The heads of a model by slot. Of `preview`, which has none, the picture's own field is given back.
class FieldsOfPlanes {
 public:
  explicit FieldsOfPlanes(std::string model) : model_(std::move(model)) {}

  void load(const Slot& slot);
  void unload(const Slot& slot) { heads_.erase(slot); }
  int64_t weight_bytes() const;

  /// Values a side of the grid that meshes it.
  double grid_side(const Settings& settings) const;
  /// What is held of a field for a whole grid.
  double grid_bytes(double side) const;
  /// What a point takes while it is asked for, and seconds of a slot of speed 1.
  double bytes_per_point() const;
  double seconds_per_point() const;
  /// Whether some of these slots is a GPU that cannot answer for it: the processor does.
  bool is_asked_on_host(const std::vector<Slot>& slots) const;

  /// On the call's first slot; its points are divided over all of them.
  std::shared_ptr<const Field> field(const PictureWork& work, const StageCall& call) const;

 private:
  std::shared_ptr<const Field> field_on(const PictureWork& work, const Slot& slot) const;

  struct Heads {
    std::shared_ptr<const MeshHeads> mesh;
    std::shared_ptr<const DensityHeads> density;
  };

  std::string model_;
  BySlot<Heads> heads_;
};

}  // namespace relievo

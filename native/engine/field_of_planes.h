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

/// The heads of a model by slot. Of `preview`, which has none, the picture's own field is given back.
class FieldsOfPlanes {
 public:
  explicit FieldsOfPlanes(std::string model) : model_(std::move(model)) {}

  void load(const Slot& slot);
  void unload(const Slot& slot) { heads_.erase(slot); }
  int64_t weight_bytes() const;

  /// On the slot's device.
  std::shared_ptr<const Field> field(const PictureWork& work, const Slot& slot) const;

 private:
  struct Heads {
    std::shared_ptr<const MeshHeads> mesh;
    std::shared_ptr<const DensityHeads> density;
  };

  std::string model_;
  BySlot<Heads> heads_;
};

}  // namespace relievo

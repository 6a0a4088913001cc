// What the surface and the texture of a model ask their points of: the field of a picture's shape, in their
// own worker, and what asking costs. Each kind of model is one implementation.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/pipeline_stage.h"

namespace relievo {

struct MeshHeads;  // reconstruct/triplane_field.h

class FieldSource {
 public:
  virtual ~FieldSource() = default;

  /// What makes a field of a shape: none by default.
  virtual void load(const Worker& /*worker*/) {}
  virtual void unload(const Worker& /*worker*/) {}
  virtual int64_t weight_bytes() const { return 0; }

  /// Values a side of the grid that meshes it.
  virtual double grid_side(const Settings& settings) const { return settings.grid + 1.0; }
  /// What is held of a field for a whole grid.
  virtual double grid_bytes(double /*side*/) const { return 0; }
  /// What a point takes while it is asked for, and seconds of a worker of speed 1.
  virtual double bytes_per_point() const = 0;
  virtual double seconds_per_point() const = 0;
  /// Whether some of these workers is a GPU that cannot answer for it: the processor does.
  virtual bool is_asked_on_host(const std::vector<Worker>& /*workers*/) const { return false; }
  /// Whether the shape stands in the model box as its picture shows it, which then can be thrown onto it.
  virtual bool faces_the_picture() const { return false; }

  /// On the call's first worker; its points are divided over all of them. What had to be brought into the
  /// workers is kept with the shape.
  virtual std::shared_ptr<const Field> field(Shape& shape, const StageCall& call) const = 0;
};

/// Of the model `preview`: the shape is the field.
std::unique_ptr<FieldSource> inflated_fields();

/// Of a reconstruction model of the catalogue: its heads, by worker, and the shape's planes.
std::unique_ptr<FieldSource> triplane_fields(const std::string& model);

/// Makes the field of a mesh model out of its planes; benchmarks replace it, so that random weights have a
/// surface. Set before the engine is used.
using MakeMeshField =
    std::function<std::shared_ptr<const Field>(at::Tensor planes, std::shared_ptr<const MeshHeads> heads)>;
MakeMeshField& make_mesh_field();

/// Faces of the surface with these settings that is meshed on a grid of `side` values a side: about a ball's
/// as large as the subject, or as many as are asked for.
double expected_faces(const Settings& settings, double side);
double meshed_faces(double side);  ///< the same before simplification

}  // namespace relievo

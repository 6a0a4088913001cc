// Supplies surface and texture of a model with the field of a picture's shape, in their own worker, and tells
// what asking it costs. Each kind of model is one implementation.
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

  /// Loads the networks that make a field of a shape. By default there are none.
  virtual void load(const Worker& /*worker*/) {}
  virtual void unload(const Worker& /*worker*/) {}
  virtual int64_t weight_bytes() const { return 0; }

  /// The number of values a side of the grid that meshes it.
  virtual double grid_side(const Settings& settings) const { return settings.grid + 1.0; }
  /// The bytes that a field holds for a whole grid.
  virtual double grid_bytes(double /*side*/) const { return 0; }
  /// The bytes that a point takes while it is evaluated; seconds_per_point() is for a worker of speed 1.
  virtual double bytes_per_point() const = 0;
  virtual double seconds_per_point() const = 0;
  /// Returns whether some of these workers are GPUs that cannot evaluate the field, so that the processor
  /// does.
  virtual bool is_asked_on_host(const std::vector<Worker>& /*workers*/) const { return false; }
  /// Returns whether the shape stands in the model box as its picture shows it, so that the picture can be
  /// projected onto it.
  virtual bool faces_the_picture() const { return false; }

  /// Makes the field, on the call's first worker; its points are divided over all of them. Data that had to
  /// be copied to the workers is kept with the shape.
  virtual std::shared_ptr<const Field> field(Shape& shape, const StageCall& call) const = 0;
};

/// Makes the source for the model `preview`, whose shape is the field.
std::unique_ptr<FieldSource> inflated_fields();

/// Makes the source for the model `compact`, whose shape is the field, too.
std::unique_ptr<FieldSource> compact_fields();

/// Makes the source for a reconstruction model of the catalogue: its heads, by worker, and the shape's
/// planes.
std::unique_ptr<FieldSource> triplane_fields(const std::string& model);

/// Makes the field of a mesh model from its planes. Benchmarks replace it, so that random weights have a
/// surface; it is set before the engine is used.
using MakeMeshField =
    std::function<std::shared_ptr<const Field>(at::Tensor planes, std::shared_ptr<const MeshHeads> heads)>;
MakeMeshField& make_mesh_field();

/// The expected number of faces of a surface with these settings that is meshed on a grid of `side` values a
/// side: about those of a ball as large as the subject, or as many as are asked for.
double expected_faces(const Settings& settings, double side);
double meshed_faces(double side);  ///< the same before simplification

}  // namespace relievo

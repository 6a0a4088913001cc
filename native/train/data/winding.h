// The generalised winding number (Jacobson et al. 2013) of a surface that need be neither closed nor without
// self-intersections: about 1 inside and 0 outside. Far faces are taken together as a dipole (Barill et al.
// 2018, "Fast Winding Numbers for Soups and Clouds").
#pragma once

#include <vector>

#include "base/mesh.h"
#include "base/vectors.h"
#include "kernels/mesh_tree.h"

namespace relievo {

class WindingNumber {
 public:
  explicit WindingNumber(const Surface& surface);
  double at(const Float3& point) const;

 private:
  struct Dipole {
    Double3 centre{};  // of the faces' areas
    Double3 normal{};  // sum of the faces' normals times their areas
    double radius = 0;
  };

  const Surface& surface_;
  kernels::MeshTree tree_;
  std::vector<Dipole> dipoles_;  // one a node
};

}  // namespace relievo

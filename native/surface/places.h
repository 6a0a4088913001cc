// Finds vertices near a place.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// Vertices sorted into the cells of a grid, so that those within `reach` of a place are found quickly.
class Places {
 public:
  Places(const std::vector<Float3>& vertices, double reach);

  void insert(int32_t vertex, const Float3& at);
  void remove(int32_t vertex, const Float3& at);
  /// Returns whether there is a vertex within reach, other than these two.
  bool has_near(const Float3& place, int32_t but, int32_t and_but) const;

 private:
  size_t bucket_of(const Float3& at) const;
  size_t bucket_of_cell(int64_t x, int64_t y, int64_t z) const;

  double reach_, cell_;
  std::vector<int32_t> first_, next_;  // linked lists; -1 ends one
  std::vector<Float3> at_;
};

}  // namespace relievo

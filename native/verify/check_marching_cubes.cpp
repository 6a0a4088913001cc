// marching_cubes: extraction from stored densities.
#include <ATen/ATen.h>

#include "surface/marching_cubes.h"
#include "verify/checks.h"
#include "verify/compare_marching.h"

namespace relievo {

void check_marching_cubes(Fixture& fixture) {
  const auto threshold = fixture.config().at("threshold").get<float>();
  fixture.for_each_case([&](const std::string& name) {
    const at::Tensor values = fixture.read(name + "/sigma");
    const auto side = static_cast<int>(values.size(0));
    const Surface surface = marching_cubes(side, values.to(fixture.execution().device), threshold);
    compare_marching(fixture, name + "/", surface, side, 1e-6);
  });
}

}  // namespace relievo

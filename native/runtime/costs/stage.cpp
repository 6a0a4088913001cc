#include "runtime/costs/stage.h"

#include <numeric>

namespace relievo {

void StageCall::on_every_slot(const std::function<void(size_t)>& body) const {
  std::vector<size_t> all(slots.size());
  std::iota(all.begin(), all.end(), size_t{0});
  run_on_(all, body);
}

}  // namespace relievo

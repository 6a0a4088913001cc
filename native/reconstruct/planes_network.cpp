#include "reconstruct/planes_network.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "nn/bring.h"

namespace relievo {

void PlanesWalk::bring_to(const at::TensorOptions& options) {
  for (at::Tensor* values : {&encoder.pixels, &encoder.cameras, &encoder.tokens, &tokens, &residual}) {
    *values = bring(*values, options);
  }
}

namespace {

/// Shared tokens begin at multiples of this.
constexpr int64_t kTokenUnit = 32;

/// Divides pictures as the tokens are divided among the workers that have some; all for each where there are
/// fewer pictures than workers, because a picture is encoded as a whole.
std::vector<RowRange> divide_pictures(int64_t pictures, const std::vector<RowRange>& tokens) {
  std::vector<int> by_tokens;
  for (const RowRange& range : tokens) {
    if (range.count() > 0) by_tokens.push_back(static_cast<int>(range.count()));
  }
  const size_t workers = by_tokens.size();
  if (pictures < static_cast<int64_t>(workers)) return std::vector<RowRange>(workers, {0, pictures});
  std::vector<RowRange> ranges = divide_rows(pictures, by_tokens, 1);
  const bool has_idle = std::ranges::any_of(ranges, [](const RowRange& own) { return own.count() == 0; });
  return has_idle ? divide_rows(pictures, std::vector<int>(workers, 1), 1) : ranges;
}

at::Tensor reconstruct_together(const Views& views, const PlanesPlaces& places, const Execution& execution) {
  const std::vector<RowRange> tokens = divide_rows(places.parts.front()->tokens(), places.shares, kTokenUnit);
  const int64_t count = views.pixels.size(0);
  const std::vector<RowRange> pictures = divide_pictures(count, tokens);
  at::Tensor planes;
  on_shared_rows(tokens, places.run_together, [&](size_t k, const SharedRows& shared) {
    const at::NoGradGuard no_grad;
    const RowRange& own = pictures[shared.own()];
    const auto of_own = [&](const at::Tensor& all) {
      return all.defined() ? all.narrow(0, own.first, own.count()) : all;
    };
    PlanesWalk walk;
    walk.shared = &shared;
    walk.shares_pictures = own.count() < count;
    walk.encoder.pixels = of_own(views.pixels);
    walk.encoder.cameras = of_own(views.cameras);
    places.parts[k]->advance(walk, execution.control.cancel);
    if (shared.own() == 0) planes = walk.tokens.to(at::kCPU, at::kFloat);
  });
  execution.control.step(1);
  return planes[0];
}

}  // namespace

at::Tensor reconstruct_planes(const Views& views, const PlanesPlaces& places, const Execution& execution) {
  const Control& control = execution.control;
  control.step(0);
  if (!places.shares.empty()) return reconstruct_together(views, places, execution);
  PlanesWalk walk;
  walk.encoder.pixels = views.pixels;
  walk.encoder.cameras = views.cameras;
  for (size_t k = 0; k < places.parts.size(); ++k) {
    if (!places.parts[k]) continue;
    const auto body = [&, k] {
      const at::NoGradGuard no_grad;
      places.parts[k]->advance(walk, control.cancel);
      if (k + 1 == places.parts.size()) walk.tokens = walk.tokens.to(at::kCPU, at::kFloat);
    };
    if (places.on_worker) {
      places.on_worker(k, body);
    } else {
      body();
    }
    control.step(static_cast<double>(k + 1) / static_cast<double>(places.parts.size()));
  }
  return walk.tokens.to(at::kCPU, at::kFloat)[0];
}

}  // namespace relievo

#include "reconstruct/planes_network.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "base/error.h"
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

/// Divides views as the tokens are divided among the workers that have some; all for each where there are
/// fewer views than workers, because a view is encoded as a whole.
std::vector<RowRange> divide_views(int64_t views, const std::vector<RowRange>& tokens) {
  std::vector<int> by_tokens;
  for (const RowRange& range : tokens) {
    if (range.count() > 0) by_tokens.push_back(static_cast<int>(range.count()));
  }
  const size_t workers = by_tokens.size();
  if (views < static_cast<int64_t>(workers)) return std::vector<RowRange>(workers, {0, views});
  std::vector<RowRange> ranges = divide_rows(views, by_tokens, 1);
  const bool has_idle = std::ranges::any_of(ranges, [](const RowRange& own) { return own.count() == 0; });
  return has_idle ? divide_rows(views, std::vector<int>(workers, 1), 1) : ranges;
}

/// The planes of one picture by workers that share it.
at::Tensor reconstruct_together(const Views& views, const PlanesPlaces& places, const Execution& execution,
                                const std::vector<CancelToken>& cancels) {
  const std::vector<RowRange> tokens = divide_rows(places.parts.front()->tokens(), places.shares, kTokenUnit);
  const int64_t count = views.pixels.size(0);
  const std::vector<RowRange> by_worker = divide_views(count, tokens);
  at::Tensor planes;
  on_shared_rows(tokens, places.run_together, [&](size_t k, const SharedRows& shared) {
    const at::NoGradGuard no_grad;
    const RowRange& own = by_worker[shared.own()];
    const auto of_own = [&](const at::Tensor& all) {
      return all.defined() ? all.narrow(0, own.first, own.count()) : all;
    };
    PlanesWalk walk;
    walk.shared = &shared;
    walk.shares_views = own.count() < count;
    walk.views = own.count();
    walk.encoder.pixels = of_own(views.pixels);
    walk.encoder.cameras = of_own(views.cameras);
    places.parts[k]->advance(walk, BatchControl(execution.control.cancel, cancels));
    if (shared.own() == 0) planes = walk.tokens.to(at::kCPU, at::kFloat);
  });
  execution.control.step(1);
  return planes[0];
}

}  // namespace

std::vector<at::Tensor> reconstruct_batch(std::span<const Views> pictures, const PlanesPlaces& places,
                                          const Execution& execution, std::span<const CancelToken> cancels) {
  const Control& control = execution.control;
  control.step(0);
  std::vector<CancelToken> tokens(cancels.begin(), cancels.end());
  tokens.resize(pictures.size());
  if (!places.shares.empty()) {
    if (pictures.size() > 1) {
      throw Error(ErrorCode::kInternal, "Workers that share tokens were given several pictures.");
    }
    return {reconstruct_together(pictures.front(), places, execution, tokens)};
  }
  const BatchControl batch(control.cancel, std::move(tokens));
  PlanesWalk walk;
  walk.views = pictures.front().pixels.size(0);
  std::vector<at::Tensor> pixels, cameras;
  for (const Views& views : pictures) {
    pixels.push_back(views.pixels);
    if (views.cameras.defined()) cameras.push_back(views.cameras);
  }
  walk.encoder.pixels = at::cat(pixels);
  if (!cameras.empty()) walk.encoder.cameras = at::cat(cameras);
  for (size_t k = 0; k < places.parts.size(); ++k) {
    if (!places.parts[k]) continue;
    const auto body = [&, k] {
      const at::NoGradGuard no_grad;
      places.parts[k]->advance(walk, batch);
      if (k + 1 == places.parts.size()) walk.tokens = walk.tokens.to(at::kCPU, at::kFloat);
    };
    if (places.on_worker) {
      places.on_worker(k, body);
    } else {
      body();
    }
    control.step(static_cast<double>(k + 1) / static_cast<double>(places.parts.size()));
  }
  const at::Tensor planes = walk.tokens.to(at::kCPU, at::kFloat);
  const std::vector<size_t> left = batch.left();
  std::vector<at::Tensor> made(pictures.size());
  // Each picture's planes are its own, so that they go with it.
  for (size_t row = 0; row < left.size(); ++row) {
    const at::Tensor own = planes.select(0, static_cast<int64_t>(row));
    made[left[row]] = left.size() == 1 ? own : own.clone();
  }
  return made;
}

at::Tensor reconstruct_planes(const Views& views, const PlanesPlaces& places, const Execution& execution) {
  return reconstruct_batch({&views, 1}, places, execution).front();
}

}  // namespace relievo

#include "nn/batch_control.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

#include "base/error.h"

namespace relievo {

BatchControl::BatchControl(CancelToken cancel) : cancel_(std::move(cancel)) {}

BatchControl::BatchControl(CancelToken cancel, std::vector<CancelToken> pictures)
    : cancel_(std::move(cancel)), pictures_(std::make_shared<Pictures>()) {
  pictures_->cancels = std::move(pictures);
  pictures_->left.resize(pictures_->cancels.size());
  std::iota(pictures_->left.begin(), pictures_->left.end(), size_t{0});
}

void BatchControl::check() const {
  cancel_.check();
  if (!pictures_) return;
  const bool is_wanted =
      std::ranges::any_of(pictures_->left, [&](size_t i) { return !pictures_->cancels[i].cancelled(); });
  if (!is_wanted) throw Error(ErrorCode::kCancelled, "Cancelled.");
}

void BatchControl::between_layers(std::initializer_list<at::Tensor*> rows) const {
  check();
  if (!pictures_) return;
  const std::vector<size_t> before = pictures_->left;
  std::vector<size_t> left;
  std::vector<int64_t> places;  // of those that are left among those before
  for (size_t at = 0; at < before.size(); ++at) {
    if (pictures_->cancels[before[at]].cancelled()) continue;
    left.push_back(before[at]);
    places.push_back(static_cast<int64_t>(at));
  }
  // Where the last one was cancelled just now, the next check says so.
  if (left.empty() || left.size() == before.size()) return;
  const auto count = static_cast<int64_t>(before.size());
  for (at::Tensor* const tensor : rows) {
    if (!tensor->defined()) continue;
    const at::MemoryFormat format = tensor->suggest_memory_format();
    const int64_t each = tensor->size(0) / count;
    std::vector<at::Tensor> kept;
    for (const int64_t place : places) kept.push_back(tensor->narrow(0, place * each, each));
    *tensor = at::cat(kept).contiguous(format);
  }
  pictures_->left = std::move(left);
}

std::vector<size_t> BatchControl::left() const { return pictures_ ? pictures_->left : std::vector<size_t>(); }

}  // namespace relievo

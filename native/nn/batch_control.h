// Pictures that a network computes together, of which some may be cancelled on the way.
#pragma once

#include <initializer_list>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/control.h"

namespace relievo {

/// Copies share which pictures are left. One thread at a time may use it.
class BatchControl {
 public:
  /// The pictures stay together until the whole call is cancelled.
  BatchControl(CancelToken cancel = {});  // NOLINT(google-explicit-constructor): a token is a control
  /// Each picture has a token of its own, too.
  BatchControl(CancelToken cancel, std::vector<CancelToken> pictures);

  /// Throws Error{kCancelled} once the whole call, or every picture that is left, is cancelled.
  void check() const;

  /// Is called between two layers: does as check(), and takes the rows of pictures that were cancelled out of
  /// these tensors, which have the same number of rows for each picture, one picture's after the other's.
  /// Undefined tensors stay undefined, channels that are last in memory stay last.
  void between_layers(std::initializer_list<at::Tensor*> rows) const;

  /// The pictures that are left, by index, in their order. Empty where they have no tokens.
  std::vector<size_t> left() const;

 private:
  struct Pictures {
    std::vector<CancelToken> cancels;
    std::vector<size_t> left;
  };

  CancelToken cancel_;
  std::shared_ptr<Pictures> pictures_;  // null where they have no tokens
};

}  // namespace relievo

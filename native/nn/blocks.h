// Cuts a network over several devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relievo {

/// Returns the index of the first layer of `block` when a network, whose layers have `numbers` parameters, is
/// cut into `blocks` shares of equal size; a layer belongs to the share that holds its middle. Blocks may be
/// empty; `block` = `blocks` gives the end.
size_t first_layer_of_block(std::span<const int64_t> numbers, int blocks, int block);

}  // namespace relievo

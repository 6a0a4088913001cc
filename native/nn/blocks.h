// How a network is cut over several devices.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace relievo {

/// Of a network whose layers have `numbers` parameters: where the first layer of `block` stands when it is
/// cut into `blocks` equal shares; a layer belongs to the share that holds its middle. Blocks may be empty;
/// that of `blocks` is the end.
size_t first_layer_of_block(std::span<const int64_t> numbers, int blocks, int block);

}  // namespace relievo

// A network of an image encoder and a transformer, counted in layers, so that it can be cut into blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "nn/blocks.h"
#include "reconstruct/image_encoder.h"

namespace relievo {

/// Returns the layers of the encoder and of the transformer after it.
template <typename Transformer, typename Config>
int64_t layers_of(const Config& config) {
  return ImageEncoder::layers(config.encoder) + Transformer::layers(config.transformer);
}

/// Returns the number of blocks that the network can be cut into: at most one a layer.
template <typename Transformer, typename Config>
int blocks_of(const Config& config) {
  constexpr int64_t kMostBlocks = 25;
  return static_cast<int>(std::min(kMostBlocks, layers_of<Transformer>(config)));
}

/// Returns the number of a block's first layer, counted through encoder and transformer. Blocks have about
/// the same number of parameters.
template <typename Transformer, typename Config>
int64_t first_layer(const Config& config, int block) {
  const int64_t encoder = ImageEncoder::layers(config.encoder);
  std::vector<int64_t> numbers;
  for (int64_t layer = 0; layer < layers_of<Transformer>(config); ++layer) {
    numbers.push_back(layer < encoder ? ImageEncoder::numbers(config.encoder, layer)
                                      : Transformer::numbers(config.transformer, layer - encoder));
  }
  return static_cast<int64_t>(first_layer_of_block(numbers, blocks_of<Transformer>(config), block));
}

}  // namespace relievo

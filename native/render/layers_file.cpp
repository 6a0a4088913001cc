#include "render/layers_file.h"

#include <vector>

#include "base/atomic_file.h"
#include "files/exr_channels.h"

namespace relievo {
namespace {

Image multiplied_by_alpha(const Image& straight) {
  Image image = straight;
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    for (size_t c = 0; c < 3; ++c) image.pixels[i + c] *= image.pixels[i + 3];
  }
  return image;
}

}  // namespace

void write_layers(const std::filesystem::path& path, const Layers& layers, ExrPrecision precision,
                  const Provenance& provenance) {
  const bool half = precision == ExrPrecision::kHalf;
  const Image colour = multiplied_by_alpha(layers.colour);
  const Image albedo = multiplied_by_alpha(layers.albedo);
  std::vector<ExrChannel> channels;
  const char* const colour_names[] = {"R", "G", "B", "A"};
  for (size_t c = 0; c < 4; ++c) {
    channels.push_back({colour_names[c], &colour.pixels[c], 4, half});
    channels.push_back({std::string("albedo.") + colour_names[c], &albedo.pixels[c], 4, half});
  }
  channels.push_back({"depth.Z", layers.depth.data(), 1, false});
  const char* const axis_names[] = {"X", "Y", "Z"};
  for (size_t axis = 0; axis < 3; ++axis) {
    channels.push_back({std::string("normal.") + axis_names[axis], &layers.normal[0][axis], 3, half});
    channels.push_back({std::string("position.") + axis_names[axis], &layers.position[0][axis], 3, false});
  }
  write_atomically(path, encode_exr_channels(colour.width, colour.height, channels, provenance));
}

}  // namespace relievo

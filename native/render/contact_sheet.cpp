#include "render/contact_sheet.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/refusals.h"
#include "base/resample.h"
#include "files/pictures.h"

namespace relievo {
namespace {

constexpr int kColumns = 3, kRows = 2;
constexpr std::array<Angle, kColumns * kRows> kAngles{
    {{0, 8}, {90, 8}, {180, 8}, {270, 8}, {40, 28}, {220, 28}}};
constexpr uint8_t kPaper = 250;
// Half of a picture of its own: at a cell's size the eye sees no more, and a sheet has six.
constexpr int kSamples = 8;

void paste(const ByteImage& picture, ByteImage& sheet, int left, int top) {
  for (int y = 0; y < picture.height; ++y) {
    std::copy_n(picture.pixel(0, y), static_cast<size_t>(picture.width) * 3, sheet.pixel(left, top + y));
  }
}

/// Puts the picture, as large as fits with a margin, in the middle of a square of paper.
ByteImage mounted(const Image& input, int side) {
  constexpr uint8_t kMount = 255;
  ByteImage mount(side, side, 3, kMount);
  const ByteImage bytes = to_bytes(input);
  // Colours under transparent pixels must not bleed into the edge when the picture is scaled.
  ByteImage flat(bytes.width, bytes.height, 3);
  for (size_t i = 0; i < flat.pixels.size() / 3; ++i) {
    const auto* pixel = &bytes.pixels[i * static_cast<size_t>(bytes.channels)];
    const int alpha = bytes.channels == 4 ? pixel[3] : 255;
    for (size_t c = 0; c < 3; ++c) {
      flat.pixels[i * 3 + c] = static_cast<uint8_t>((pixel[c] * alpha + kMount * (255 - alpha) + 127) / 255);
    }
  }
  const double scale = static_cast<double>(side) / std::max(flat.width, flat.height);
  const int width = std::clamp(static_cast<int>(flat.width * scale), 1, side);
  const int height = std::clamp(static_cast<int>(flat.height * scale), 1, side);
  paste(resample(flat, width, height, ResampleFilter::kLanczos), mount, (side - width) / 2,
        (side - height) / 2);
  return mount;
}

}  // namespace

ByteImage contact_sheet(const Renderer& renderer, const Image& input, int cell, const Control& control) {
  if (cell < 16 || cell > 4096) {
    throw invalid_value("cell of a contact sheet", fmt::format("{}", cell), "Use 16 to 4096 pixels.");
  }
  const int gap = std::max(2, cell / 50);
  const int input_side = input.empty() ? 0 : kRows * cell + (kRows - 1) * gap;
  const int left = input.empty() ? gap : input_side + 2 * gap;
  ByteImage sheet(left + kColumns * (cell + gap), kRows * (cell + gap) + gap, 3, kPaper);
  if (!input.empty()) paste(mounted(input, input_side), sheet, gap, gap);

  const std::vector<View> views =
      framed_views(renderer.mesh().surface, {kAngles.begin(), kAngles.end()}, cell);
  for (size_t i = 0; i < views.size(); ++i) {
    const double count = kAngles.size();
    const Layers layers = renderer.render(
        views[i], kSamples, control.part(static_cast<double>(i) / count, static_cast<double>(i + 1) / count));
    const int column = static_cast<int>(i) % kColumns, row = static_cast<int>(i) / kColumns;
    paste(on_background(layers, renderer.shadow(views[i], control)), sheet, left + column * (cell + gap),
          gap + row * (cell + gap));
  }
  return sheet;
}

void write_contact_sheet(const std::filesystem::path& path, const Renderer& renderer, const Image& input,
                         int cell, const Control& control) {
  write_atomically(path,
                   encode_png(contact_sheet(renderer, input, cell, control), renderer.mesh().provenance));
}

}  // namespace relievo

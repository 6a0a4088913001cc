#include <algorithm>
#include <cmath>

#include <ImathBox.h>
#include <OpenEXR/Iex.h>
#include <OpenEXR/ImfChannelList.h>
#include <OpenEXR/ImfFrameBuffer.h>
#include <OpenEXR/ImfHeader.h>
#include <OpenEXR/ImfIO.h>
#include <OpenEXR/ImfInputFile.h>
#include <OpenEXR/ImfOutputFile.h>
#include <OpenEXR/ImfStandardAttributes.h>
#include <fmt/format.h>
#include <half.h>

#include "base/error.h"
#include "files/exr_header.h"
#include "files/exr_stream.h"
#include "files/formats.h"
#include "files/picture_rows.h"

namespace relievo::files {
namespace {

/// The names of the channels to read: red, green and blue, or luminance alone, which stands for all three;
/// then alpha, if there is one.
std::vector<const char*> colour_channels(const Source& source, const Imf::Header& header) {
  const Imf::ChannelList& channels = header.channels();
  const auto has = [&](const char* name) { return channels.findChannel(name) != nullptr; };
  std::vector<const char*> names;
  if (has("R") && has("G") && has("B")) {
    names = {"R", "G", "B"};
  } else if (has("Y") && !has("RY") && !has("BY")) {
    names = {"Y"};
  } else {
    std::string list;
    for (auto channel = channels.begin(); channel != channels.end(); ++channel) {
      list += fmt::format("{}{}", list.empty() ? "" : ", ", channel.name());
    }
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("'{}' has no channels R, G, B, or Y alone, but: {}.", source.name, list),
                "Save it as a plain RGB or RGBA OpenEXR file.");
  }
  if (has("A")) names.push_back("A");
  for (const char* name : names) {
    const Imf::Channel& channel = *channels.findChannel(name);
    if (channel.type == Imf::UINT || channel.xSampling != 1 || channel.ySampling != 1) {
      throw Error(ErrorCode::kInvalidImage,
                  fmt::format("Channel {} of '{}' holds integers or is subsampled.", name, source.name),
                  "Save it with half or float channels of full resolution.");
    }
  }
  return names;
}

void require_finite(const Source& source, const float* row, size_t count, int channels, int y) {
  const float* bad = std::find_if(row, row + count, [](float v) { return !std::isfinite(v); });
  if (bad == row + count) return;
  throw Error(ErrorCode::kInvalidImage,
              fmt::format("'{}' holds {} at column {}, row {}.", source.name,
                          std::isnan(*bad) ? "a value that is not a number (NaN)" : "an infinite value",
                          (bad - row) / channels, y),
              "Render the picture again, or replace such pixels in a compositor.");
}

ColourSpace space_of(const Imf::Header& header) {
  ColourSpace space;
  space.transfer = Transfer::kGamma;
  space.gamma = 1;
  if (!Imf::hasChromaticities(header)) return space;
  const Imf::Chromaticities& c = Imf::chromaticities(header);
  space.primaries = {c.red.x, c.red.y, c.green.x, c.green.y, c.blue.x, c.blue.y, c.white.x, c.white.y};
  return space;
}

Image decode(const Source& source) {
  const Imf::Header header = read_exr_header(source);
  const Imath::Box2i& window = header.dataWindow();
  const std::vector<const char*> names = colour_channels(source, header);
  const bool has_alpha = names.back() == std::string_view("A");
  const bool is_grey = names.front() == std::string_view("Y");

  ExrMemoryReader stream(source);
  Imf::InputFile file(stream);
  const int width = window.max.x - window.min.x + 1, height = window.max.y - window.min.y + 1;
  // OpenEXR stores colours multiplied by alpha.
  PictureRows rows(source, width, height,
                   {.channels = is_grey ? Channels::kGrey : Channels::kRgb,
                    .has_alpha = has_alpha,
                    .is_premultiplied = true,
                    .is_linear = true});
  const size_t row_floats = names.size() * static_cast<size_t>(width);
  const int block = header.hasTileDescription()
                        ? static_cast<int>(std::min<unsigned>(header.tileDescription().ySize, height))
                        : 32;
  std::vector<float> block_rows(row_floats * static_cast<size_t>(block));
  for (int top = 0; top < height; top += block) {
    const int bottom = std::min(top + block, height) - 1;
    const Imath::Box2i part({window.min.x, window.min.y + top}, {window.max.x, window.min.y + bottom});
    Imf::FrameBuffer frame;
    for (size_t i = 0; i < names.size(); ++i) {
      frame.insert(names[i], Imf::Slice::Make(Imf::FLOAT, block_rows.data() + i, part,
                                              sizeof(float) * names.size(), sizeof(float) * row_floats));
    }
    file.setFrameBuffer(frame);
    file.readPixels(part.min.y, part.max.y);
    for (int y = top; y <= bottom; ++y) {
      const float* row = block_rows.data() + row_floats * static_cast<size_t>(y - top);
      require_finite(source, row, row_floats, static_cast<int>(names.size()), y);
      rows.add(row, 1.0f);
    }
  }
  return rows.finish(space_of(header), 1);
}

}  // namespace

Image read_exr(const Source& source) {
  try {
    return decode(source);
  } catch (const Iex::BaseExc& error) {
    throw_broken(source, "OpenEXR", error.what());
  }
}

std::vector<std::byte> encode_exr(const Image& image) {
  constexpr float kHalfMax = 65504.0f;
  const size_t channels = static_cast<size_t>(image.channels);
  std::vector<half> samples(image.pixels.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    const float alpha = channels == 4 ? std::clamp(image.pixels[i / 4 * 4 + 3], 0.0f, 1.0f) : 1.0f;
    if (channels == 4 && i % 4 == 3) {
      samples[i] = alpha;
    } else {
      const float linear = image.linear ? image.pixels[i] : linear_from_srgb(image.pixels[i]);
      samples[i] = std::clamp(linear * alpha, -kHalfMax, kHalfMax);
    }
  }

  Imf::Header header(image.width, image.height);
  header.compression() = Imf::ZIP_COMPRESSION;
  Imf::FrameBuffer frame;
  const char* const names[] = {"R", "G", "B", "A"};
  for (size_t c = 0; c < channels; ++c) {
    header.channels().insert(names[c], Imf::Channel(Imf::HALF));
    frame.insert(names[c],
                 Imf::Slice::Make(Imf::HALF, samples.data() + c, header.dataWindow(), sizeof(half) * channels,
                                  sizeof(half) * channels * static_cast<size_t>(image.width)));
  }
  ExrMemoryWriter stream;
  {
    Imf::OutputFile file(stream, header);
    file.setFrameBuffer(frame);
    file.writePixels(image.height);
  }
  return stream.take();
}

}  // namespace relievo::files

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <ImathBox.h>
#include <OpenEXR/Iex.h>
#include <OpenEXR/ImfChannelList.h>
#include <OpenEXR/ImfFrameBuffer.h>
#include <OpenEXR/ImfHeader.h>
#include <OpenEXR/ImfIO.h>
#include <OpenEXR/ImfInputFile.h>
#include <OpenEXR/ImfOutputFile.h>
#include <OpenEXR/ImfPartType.h>
#include <OpenEXR/ImfVersion.h>
#include <fmt/format.h>
#include <half.h>

#include "base/error.h"
#include "files/exr_stream.h"
#include "files/formats.h"

namespace relievo::files {
namespace {

class MemoryReader : public Imf::IStream {
 public:
  explicit MemoryReader(const Source& source) : IStream(source.name.c_str()), bytes_(source.bytes) {}

  bool read(char to[], int count) override {
    if (position_ > bytes_.size() || static_cast<size_t>(count) > bytes_.size() - position_) {
      throw Iex::InputExc("the file ends early");
    }
    std::memcpy(to, bytes_.data() + position_, static_cast<size_t>(count));
    position_ += static_cast<size_t>(count);
    return position_ < bytes_.size();
  }
  uint64_t tellg() override { return position_; }
  void seekg(uint64_t position) override { position_ = position; }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

constexpr uint64_t kAfterMagic = 4;
constexpr uint64_t kAfterVersion = 8;

int32_t read_int(MemoryReader& stream) {
  std::array<char, 4> little_endian;
  stream.read(little_endian.data(), static_cast<int>(little_endian.size()));
  return std::bit_cast<int32_t>(little_endian);
}

/// Skips a text that ends in a null byte; false when it is empty.
bool skip_text(MemoryReader& stream) {
  const uint64_t start = stream.tellg();
  char c = 0;
  do {
    stream.read(&c, 1);
  } while (c != '\0');
  return stream.tellg() > start + 1;
}

/// OpenEXR takes memory for as many bytes as an attribute claims to have; here no claim may reach beyond the
/// file. A header is a list of name, type, size and value that ends in an empty name; files of several parts
/// have several, and an empty one at the end ("The OpenEXR File Layout").
void check_attributes(const Source& source, bool has_parts) {
  MemoryReader stream(source);
  stream.seekg(kAfterVersion);
  bool is_empty = false;
  do {
    is_empty = true;
    while (skip_text(stream)) {
      is_empty = false;
      skip_text(stream);
      const int32_t size = read_int(stream);
      if (size < 0 || static_cast<uint64_t>(size) > source.bytes.size() - stream.tellg()) {
        throw Iex::InputExc("an attribute is larger than the file");
      }
      stream.seekg(stream.tellg() + static_cast<uint64_t>(size));
    }
  } while (has_parts && !is_empty);
}

/// The header of the first part, read by itself, so that sizes are judged before OpenEXR takes memory for its
/// tables.
Imf::Header read_header(const Source& source) {
  MemoryReader stream(source);
  stream.seekg(kAfterMagic);
  int version = read_int(stream);
  check_attributes(source, Imf::isMultiPart(version));
  Imf::Header header;
  header.readFrom(stream, version);
  return header;
}

/// The channels to read: red, green and blue, or luminance alone, which stands for all three; then alpha, if
/// any.
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

void require_finite(const Source& source, const Image& image) {
  const auto bad =
      std::find_if(image.pixels.begin(), image.pixels.end(), [](float v) { return !std::isfinite(v); });
  if (bad == image.pixels.end()) return;
  const int64_t pixel = (bad - image.pixels.begin()) / image.channels;
  throw Error(ErrorCode::kInvalidImage,
              fmt::format("'{}' holds {} at column {}, row {}.", source.name,
                          std::isnan(*bad) ? "a value that is not a number (NaN)" : "an infinite value",
                          pixel % image.width, pixel / image.width),
              "Render the picture again, or replace such pixels in a compositor.");
}

/// OpenEXR's colours are multiplied by alpha. Where alpha is 0 they stay as they are.
void make_alpha_straight(Image& image) {
  constexpr float kMax = std::numeric_limits<float>::max();
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    float& alpha = image.pixels[i + 3];
    alpha = std::clamp(alpha, 0.0f, 1.0f);
    if (alpha == 0.0f) continue;
    for (size_t c = 0; c < 3; ++c) image.pixels[i + c] = std::clamp(image.pixels[i + c] / alpha, -kMax, kMax);
  }
}

Image decode(const Source& source) {
  const Imf::Header header = read_header(source);
  // The data window is the picture: what lies around it in the display window is empty.
  const Imath::Box2i& window = header.dataWindow();
  check_size(source, int64_t{window.max.x} - window.min.x + 1, int64_t{window.max.y} - window.min.y + 1);
  if (header.hasType() && Imf::isDeepData(header.type())) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("'{}' is a deep OpenEXR file.", source.name),
                "Flatten it to a plain RGB or RGBA picture.");
  }
  const std::vector<const char*> names = colour_channels(source, header);
  const bool has_alpha = names.back() == std::string_view("A");
  const bool is_grey = names.front() == std::string_view("Y");

  MemoryReader stream(source);
  Imf::InputFile file(stream);
  Image image(window.max.x - window.min.x + 1, window.max.y - window.min.y + 1, has_alpha ? 4 : 3);
  image.linear = true;
  const size_t stride = sizeof(float) * static_cast<size_t>(image.channels);
  Imf::FrameBuffer frame;
  for (size_t i = 0; i < names.size(); ++i) {
    const bool is_alpha = has_alpha && i + 1 == names.size();
    frame.insert(names[i], Imf::Slice::Make(Imf::FLOAT, image.pixels.data() + (is_alpha ? 3 : i), window,
                                            stride, stride * static_cast<size_t>(image.width)));
  }
  file.setFrameBuffer(frame);
  file.readPixels(window.min.y, window.max.y);
  if (is_grey) {
    for (size_t i = 0; i < image.pixels.size(); i += static_cast<size_t>(image.channels)) {
      image.pixels[i + 1] = image.pixels[i + 2] = image.pixels[i];
    }
  }
  return image;
}

}  // namespace

Image read_exr(const Source& source) {
  Image image;
  try {
    image = decode(source);
  } catch (const Iex::BaseExc& error) {
    throw_broken(source, "OpenEXR", error.what());
  }
  require_finite(source, image);
  if (image.channels == 4) make_alpha_straight(image);
  return image;
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

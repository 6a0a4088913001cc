#include "files/exr_channels.h"

#include <algorithm>
#include <set>

#include <ImathBox.h>
#include <OpenEXR/ImfChannelList.h>
#include <OpenEXR/ImfFrameBuffer.h>
#include <OpenEXR/ImfHeader.h>
#include <OpenEXR/ImfOutputFile.h>
#include <OpenEXR/ImfStandardAttributes.h>
#include <OpenEXR/ImfStringAttribute.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <half.h>

#include "base/error.h"
#include "files/exr_stream.h"
#include "files/source_mark.h"

namespace relievo {

std::vector<std::byte> encode_exr_channels(int width, int height, std::span<const ExrChannel> channels,
                                           const Provenance& provenance) {
  constexpr float kHalfMax = 65504.0f;
  std::set<std::string> names;
  for (const ExrChannel& channel : channels) names.insert(channel.name);
  if (names.size() != channels.size() || channels.empty()) {
    throw Error(ErrorCode::kInternal, "An OpenEXR file needs channels, each of its own name.");
  }
  Imf::Header header(width, height);
  header.compression() = Imf::ZIP_COMPRESSION;
  if (!provenance.version.empty()) {
    Imf::addComments(header, fmt::format("{}", fmt::join(provenance_lines(provenance), "; ")));
    header.insert("software", Imf::StringAttribute(kGenerator + provenance.version));
  }
  if (!provenance.checksum.empty()) {
    header.insert(kChecksumKey, Imf::StringAttribute(provenance.checksum));
  }

  const size_t pixels = static_cast<size_t>(width) * static_cast<size_t>(height);
  std::vector<std::vector<half>> halves;
  halves.reserve(channels.size());
  Imf::FrameBuffer frame;
  for (const ExrChannel& channel : channels) {
    header.channels().insert(channel.name, Imf::Channel(channel.half ? Imf::HALF : Imf::FLOAT));
    if (channel.half) {
      std::vector<half>& samples = halves.emplace_back(pixels);
      for (size_t i = 0; i < pixels; ++i) {
        samples[i] = std::clamp(channel.first[i * channel.stride], -kHalfMax, kHalfMax);
      }
      frame.insert(channel.name, Imf::Slice::Make(Imf::HALF, samples.data(), header.dataWindow(),
                                                  sizeof(half), sizeof(half) * static_cast<size_t>(width)));
    } else {
      const size_t step = sizeof(float) * channel.stride;
      frame.insert(channel.name, Imf::Slice::Make(Imf::FLOAT, channel.first, header.dataWindow(), step,
                                                  step * static_cast<size_t>(width)));
    }
  }
  files::ExrMemoryWriter stream;
  {
    Imf::OutputFile file(stream, header);
    file.setFrameBuffer(frame);
    file.writePixels(height);
  }
  return stream.take();
}

}  // namespace relievo

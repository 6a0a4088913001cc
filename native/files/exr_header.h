// Reads the header of an OpenEXR file in memory and checks it before OpenEXR allocates memory for it.
// Internal to files/.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include <OpenEXR/Iex.h>
#include <OpenEXR/ImfHeader.h>
#include <OpenEXR/ImfIO.h>

#include "files/formats.h"

namespace relievo::files {

class ExrMemoryReader : public Imf::IStream {
 public:
  explicit ExrMemoryReader(const Source& source) : IStream(source.name.c_str()), bytes_(source.bytes) {}

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

/// Returns the header of the first part, which is the picture that is read. Throws Iex::BaseExc where any
/// part's claims go beyond the file, Error{kInvalidImage} for a picture beyond the limits or one that is
/// deep.
Imf::Header read_exr_header(const Source& source);

}  // namespace relievo::files

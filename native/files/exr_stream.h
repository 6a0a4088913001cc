// Lets OpenEXR write a file into memory. Internal to files/.
#pragma once

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include <OpenEXR/ImfIO.h>

namespace relievo::files {

class ExrMemoryWriter : public Imf::OStream {
 public:
  ExrMemoryWriter() : OStream("memory") {}

  void write(const char from[], int count) override {
    const size_t end = position_ + static_cast<size_t>(count);
    if (end > bytes_.size()) bytes_.resize(end);
    std::memcpy(bytes_.data() + position_, from, static_cast<size_t>(count));
    position_ = end;
  }
  uint64_t tellp() override { return position_; }
  void seekp(uint64_t position) override { position_ = position; }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
  uint64_t position_ = 0;
};

}  // namespace relievo::files

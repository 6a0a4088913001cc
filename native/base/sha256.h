// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/control.h"

namespace relievo {

class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  /// The digest of all that was added, in lower-case hexadecimal. Call it once.
  std::string finish();

 private:
  void block(const std::byte* bytes);

  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> rest_{};
  uint64_t bytes_ = 0;
};

/// The digest of bytes in memory.
std::string sha256(std::span<const std::byte> bytes);

/// The digest of a regular file's content. Throws Error{kIo}, Error{kCancelled}.
std::string file_sha256(const std::filesystem::path& path, const Control& control = {});

}  // namespace relievo

// What librelievo_heif offers. The library is opened when the first HEIC or AVIF file comes; it links nothing
// of Relievo's, and Relievo nothing of its.
#pragma once

#include <cstddef>
#include <cstdint>

namespace relievo::files {

/// What is told of a picture before it is decoded. Pointers are good until the sink's functions return.
struct HeifHeader {
  int width = 0, height = 0;  ///< as it is seen
  int bits = 8;               ///< of a sample
  bool has_alpha = false;
  bool is_premultiplied = false;
  bool is_grid = false;                    ///< decoded tile by tile
  int pictures = 1;                        ///< of the file
  const unsigned char* profile = nullptr;  ///< ICC
  size_t profile_bytes = 0;
  int primaries = 2, transfer = 2;  ///< code points of ITU-T H.273; 2: unspecified
};

/// Where a decoded picture goes. The functions may throw; is_cancelled() and accepts() must not.
class HeifSink {
 public:
  virtual ~HeifSink() = default;
  virtual bool is_cancelled() const noexcept = 0;
  /// Whether a coded part of so many pixels may be decoded; asked before each.
  virtual bool accepts(int64_t width, int64_t height) noexcept = 0;
  virtual void begin(const HeifHeader& header) = 0;
  /// A row of samples of one or two bytes (where header.bits is more than 8) of each channel; alpha may be
  /// null.
  virtual void row(const unsigned char* red, const unsigned char* green, const unsigned char* blue,
                   const unsigned char* alpha) = 0;
};

/// Decodes the file's main picture. Null, or what is wrong with the file in words that live as long as the
/// thread's next call.
using HeifDecode = const char*(const unsigned char* bytes, size_t size, HeifSink& sink);
inline constexpr const char* kHeifDecodeName = "relievo_heif_decode";

}  // namespace relievo::files

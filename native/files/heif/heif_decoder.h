// The interface of librelievo_heif. The library is opened when the first HEIC or AVIF file comes; it links
// nothing of Relievo's, and Relievo links nothing of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace relievo::files {

/// The facts about a picture that are told before it is decoded. Pointers are valid until the sink's
/// functions return.
struct HeifHeader {
  int width = 0, height = 0;  ///< as it is seen, turned upright
  int bits = 8;               ///< bits of a sample
  bool has_alpha = false;
  bool is_premultiplied = false;
  bool is_grid = false;                    ///< decoded tile by tile
  int pictures = 1;                        ///< pictures in the file
  const unsigned char* profile = nullptr;  ///< an ICC profile
  size_t profile_bytes = 0;
  int primaries = 2, transfer = 2;  ///< code points of ITU-T H.273; 2 is unspecified
};

/// Receives a decoded picture. The functions may throw, except is_cancelled() and accepts().
class HeifSink {
 public:
  virtual ~HeifSink() = default;
  virtual bool is_cancelled() const noexcept = 0;
  /// Returns whether a coded part of so many pixels may be decoded; is asked before each part.
  virtual bool accepts(int64_t width, int64_t height) noexcept = 0;
  virtual void begin(const HeifHeader& header) = 0;
  /// Receives a row: for each channel samples of one byte, or two where header.bits is more than 8. Alpha may
  /// be null.
  virtual void row(const unsigned char* red, const unsigned char* green, const unsigned char* blue,
                   const unsigned char* alpha) = 0;
};

/// Decodes the file's main picture. Returns null, or a description of what is wrong with the file, which
/// lives until the thread's next call.
using HeifDecode = const char*(const unsigned char* bytes, size_t size, HeifSink& sink);
inline constexpr const char* kHeifDecodeName = "relievo_heif_decode";

}  // namespace relievo::files

// Damaged files: each either reads or throws relievo::Error, whatever the damage.
#include <array>
#include <cmath>
#include <cstdlib>
#include <random>

#include "samples.h"

namespace relievo {
namespace {

using Bytes = std::vector<std::byte>;

/// `make fuzz` asks for more.
int rounds() {
  const char* text = std::getenv("RELIEVO_FUZZ_ROUNDS");
  return text != nullptr ? std::atoi(text) : 3000;
}

// Small, so that a damaged size costs nothing.
const PictureOptions kLimits{.max_side = 256, .max_pixels = 256 * 256};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  Bytes mutate(Bytes bytes) {
    for (int edits = 1 + below(3); edits > 0 && !bytes.empty(); --edits) {
      const size_t at = below(bytes.size());
      switch (below(6)) {
        case 0:
          bytes[at] ^= std::byte{1} << below(8);
          break;
        case 1:
          bytes[at] = static_cast<std::byte>(below(256));
          break;
        case 2:
          overwrite(bytes, at);
          break;
        case 3:
          bytes.resize(at);
          break;
        case 4:
          bytes.erase(bytes.begin() + at, bytes.begin() + at + below(bytes.size() - at));
          break;
        default:
          bytes.insert(bytes.begin() + at, below(16), static_cast<std::byte>(below(256)));
      }
    }
    return bytes;
  }

 private:
  ptrdiff_t below(size_t bound) { return static_cast<ptrdiff_t>(random_() % bound); }

  /// Lengths, sizes and offsets are where readers trip: four bytes of an extreme number.
  void overwrite(Bytes& bytes, size_t at) {
    static constexpr std::array<uint32_t, 8> kNumbers{0,          1,       0x7fffffff, 0x80000000,
                                                      0xffffffff, 0x10000, 0xff,       0xffff0000};
    const uint32_t number = kNumbers[below(kNumbers.size())];
    for (size_t i = 0; i < 4 && at + i < bytes.size(); ++i) {
      bytes[at + i] = static_cast<std::byte>(number >> (8 * i));
    }
  }

  std::mt19937 random_;
};

class PictureFuzz : public testing::TestWithParam<const char*> {};

TEST_P(PictureFuzz, DamagedFileReadsOrThrowsAnError) {
  const Bytes whole = bytes_of(sample(GetParam()));
  ASSERT_FALSE(whole.empty());
  int refused = 0;
  for (int seed = 0; seed < rounds(); ++seed) {
    SCOPED_TRACE(seed);
    try {
      const Image image = read_picture(Mutator(seed).mutate(whole), GetParam(), kLimits);
      EXPECT_EQ(image.pixels.size(), size_t{1} * image.width * image.height * image.channels);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidImage) << error.what();
      ++refused;
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
  }
  EXPECT_GT(refused, rounds() / 4);  // the damage did reach the readers
}

INSTANTIATE_TEST_SUITE_P(Formats, PictureFuzz,
                         testing::Values("rgb8.png", "rgba16.png", "grey1.png", "palette_alpha.png",
                                         "rgb8_key.png", "rgb8_interlaced.png", "rgb.jpg", "progressive.jpg",
                                         "grey.jpg", "cmyk.jpg", "orientation_6.jpg", "rgb.webp", "rgba.webp",
                                         "lossy.webp", "animation.webp", "rgb_half.exr", "rgba_float.exr",
                                         "luminance.exr", "chroma.exr", "rgb8.tif", "rgb8_big_endian.tif",
                                         "rgb8_bigtiff.tif", "rgb8_planes.tif", "rgb8_tiles.tif",
                                         "rgba16.tif", "grey1.tif", "palette.tif", "jpeg.tif", "pages.tif",
                                         "cmyk.tif", "plain.gif", "interlaced.gif", "offset.gif",
                                         "animation.gif", "rgb24.bmp", "palette8.bmp", "palette8_runs.bmp",
                                         "rgba32.bmp", "rgb.heic", "rgba.heic", "rgb.avif", "rgba.avif",
                                         "orientation_6.avif", "orientation_6.webp", "orientation_6.png"),
                         test_name);

TEST(PictureFuzz, DamagedCompressedExrReadsOrThrowsAnError) {
  const ScratchFolder folder;
  write_picture(folder / "zip.exr", Image(40, 40, 4, 0.3f));
  const Bytes whole = bytes_of(folder / "zip.exr");
  for (int seed = 0; seed < rounds(); ++seed) {
    SCOPED_TRACE(seed);
    try {
      EXPECT_TRUE(read_picture(Mutator(seed).mutate(whole), "zip.exr", kLimits).linear);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidImage) << error.what();
    }
  }
}

}  // namespace
}  // namespace relievo

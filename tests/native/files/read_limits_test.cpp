// Pictures that ask for more than they should get: large ones are scaled down while they are read, and what
// would take any amount of time or memory is refused or can be cancelled.
#include <cmath>
#include <thread>

#include <zlib.h>

#include "picture_formulas.h"

namespace relievo {
namespace {

constexpr int kLarge = 300;

/// A ramp from left to right, with a see-through lower half whose colours are garbage.
Image ramp(int channels) {
  Image image(kLarge, kLarge, channels);
  for (int y = 0; y < kLarge; ++y) {
    for (int x = 0; x < kLarge; ++x) {
      float* pixel = image.pixel(x, y);
      pixel[0] = (static_cast<float>(x) + 0.5f) / kLarge;
      pixel[1] = 0.5f;
      pixel[2] = 0.25f;
      if (channels == 3) continue;
      pixel[3] = y < kLarge / 2 ? 1.0f : 0.0f;
      if (y >= kLarge / 2) pixel[1] = 1;
    }
  }
  return image;
}

class Reduced : public testing::TestWithParam<const char*> {};

TEST_P(Reduced, KeepsWhatItShows) {
  const ScratchFolder folder;
  const std::string name = GetParam();
  const int channels = name.ends_with(".jpg") ? 3 : 4;
  Image image = ramp(channels);
  image.linear = name.ends_with(".exr");
  write_picture(folder / name, image);
  PictureOptions options{.kept_pixels = 70 * 70};
  std::vector<std::string> notes;
  options.on_note = [&](const std::string& note) { notes.push_back(note); };
  const Image small = read_picture(folder / name, options);
  ASSERT_EQ(small.width, 70);
  ASSERT_EQ(small.height, 70);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("300 x 300 pixels were scaled down to 70 x 70"), std::string::npos) << notes[0];
  for (int y = 0; y < 70; ++y) {
    for (int x = 1; x < 69; ++x) {
      const float* pixel = small.pixel(x, y);
      if (channels == 4 && y > 35) {
        ASSERT_EQ(pixel[3], 0);
        continue;
      }
      if (y >= 34) continue;
      ASSERT_NEAR(pixel[0], (x + 0.5) / 70, 0.01) << x << ", " << y;
      ASSERT_NEAR(pixel[1], 0.5, 0.01) << x << ", " << y;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Reduced, testing::Values("a.png", "a.jpg", "a.webp", "a.exr"), test_name);

TEST(Reduced, ASeeThroughPixelLendsNoColour) {
  const ScratchFolder folder;
  write_picture(folder / "a.png", ramp(4));
  const Image small = read_picture(folder / "a.png", {.kept_pixels = 7 * 7});
  // The row on the border between both halves: half covered, and green as the upper half.
  EXPECT_NEAR(small.pixel(3, 3)[3], 0.5, 0.02);
  EXPECT_NEAR(small.pixel(3, 3)[1], 0.5, 0.02);
}

TEST(Reduced, AThreadKeepsAColumn) {
  const ScratchFolder folder;
  write_picture(folder / "a.png", Image(1, 5000, 3, 0.5f));
  const Image small = read_picture(folder / "a.png", {.kept_pixels = 100});
  EXPECT_EQ(small.width, 1);
  EXPECT_EQ(small.height, 100);
  EXPECT_NEAR(small.pixel(0, 50)[0], 0.5, 0.01);
}

class Cancelled : public testing::TestWithParam<const char*> {};

TEST_P(Cancelled, StopsInTheMidst) {
  PictureOptions options;
  options.cancel.cancel();
  try {
    read_picture(sample(GetParam()), options);
    ADD_FAILURE() << "it was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Cancelled,
                         testing::Values("rgb8.png", "rgb8_interlaced.png", "rgb.jpg", "progressive.jpg",
                                         "rgb.webp", "rgb_half.exr", "rgb8.tif", "rgb8_tiles.tif",
                                         "grey1.tif", "plain.gif", "rgb24.bmp", "palette8_runs.bmp",
                                         "rgb.heic", "rgb.avif"),
                         test_name);

/// A progressive grey JPEG that is one empty scan after the other.
std::string jpeg_of_scans(int side, int scans) {
  using namespace std::string_literals;
  const int blocks = (side / 8) * (side / 8);
  const auto two = [](int value) {
    return std::string{static_cast<char>(value >> 8), static_cast<char>(value)};
  };
  std::string file = "\xff\xd8\xff\xdb\0\x43\0"s + std::string(64, 1);
  file += "\xff\xc2\0\x0b\x08"s + two(side) + two(side) + "\1\1\x11\0"s;
  file += "\xff\xc4"s + two(20) + "\0\1"s + std::string(15, 0) + "\0"s;          // one bit: zero
  file += "\xff\xc4"s + two(21) + "\x10\1\1"s + std::string(14, 0) + "\xe0\0"s;  // runs of empty blocks
  file += "\xff\xda\0\x08\1\1\0\0\0\1"s + std::string((blocks + 7) / 8, 0);
  std::string bits;
  for (int run = 0; run <= blocks / 32767; ++run) bits += "0" + std::string(14, '1');
  bits.resize((bits.size() + 7) / 8 * 8, '1');
  std::string data;
  for (size_t i = 0; i < bits.size(); i += 8) {
    data += static_cast<char>(std::stoi(bits.substr(i, 8), nullptr, 2));
    if (data.back() == '\xff') data += '\0';
  }
  file += "\xff\xda\0\x08\1\1\0\1\x3f\1"s + data;
  for (int i = 0; i < scans; ++i) file += "\xff\xda\0\x08\1\1\0\1\x3f\x10"s + data;
  return file + "\xff\xd9";
}

TEST(Jpeg, ReadsAsManyScansAsAnHonestFileHas) {
  const ScratchFolder folder;
  EXPECT_EQ(read_picture(folder.with("a.jpg", jpeg_of_scans(64, 40))).width, 64);
}

TEST(Jpeg, RefusesAThousandScans) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "more than 100 scans",
               [&] { read_picture(folder.with("a.jpg", jpeg_of_scans(64, 1000))); });
}

TEST(Jpeg, RefusesMoreSegmentsThanAnHonestFileHas) {
  using namespace std::string_literals;
  const ScratchFolder folder;
  const auto with_segments = [&](int count) {
    std::string file = text_of(sample("rgb.jpg")), segments;
    for (int i = 0; i < count; ++i) segments += "\xff\xe1\0\4ab"s;
    return folder.with("a.jpg", file.insert(2, segments));
  };
  EXPECT_EQ(read_picture(with_segments(2000)).pixels, read_picture(sample("rgb.jpg")).pixels);
  expect_error(ErrorCode::kInvalidImage, "more than 10000 segments",
               [&] { read_picture(with_segments(20'000)); });
}

TEST(Decoders, MayNotTakeMoreForAWholePictureThanIsAllowed) {
  for (const char* name : {"progressive.jpg", "rgb8_interlaced.png", "rgb.webp", "plain.gif",
                           "palette8_runs.bmp", "rgb.heic", "rgb.avif"}) {
    expect_error(ErrorCode::kInvalidImage, "to decode",
                 [&] { read_picture(sample(name), {.max_decoder_bytes = 8}); });
  }
}

TEST(Decoders, AskBeforeTheyTakeMemoryForAWholePicture) {
  int64_t asked = 0;
  PictureOptions options;
  options.reserve = [&](int64_t bytes) {
    asked += bytes;
    return std::shared_ptr<void>();
  };
  const auto size_of = [](const char* name) { return static_cast<int64_t>(text_of(sample(name)).size()); };
  read_picture(sample("progressive.jpg"), options);
  EXPECT_GE(asked, size_of("progressive.jpg") + 32 * 16 * 2);
  asked = 0;
  read_picture(sample("rgb.jpg"), options);
  EXPECT_EQ(asked, size_of("rgb.jpg"));
}

TEST(DecodingCost, IsWhatReadingAsksFor) {
  for (const char* name : {"progressive.jpg", "rgb.jpg", "rgb8_interlaced.png", "rgb.webp", "plain.gif",
                           "palette8_runs.bmp", "rgb.heic", "rgb.avif", "rgb_half.exr"}) {
    int64_t asked = 0;
    PictureOptions options;
    options.reserve = [&](int64_t bytes) {
      asked += bytes;
      return std::shared_ptr<void>();
    };
    const DecodingCost cost = decoding_cost(sample(name), options);
    EXPECT_EQ(asked, 0) << name;
    read_picture(sample(name), options);
    EXPECT_EQ(cost.file_bytes + cost.decoder_bytes, asked) << name;
  }
}

TEST(DecodingCost, NamesTheDecoderThatHoldsAWholePicture) {
  EXPECT_EQ(decoding_cost(sample("progressive.jpg")).kind, "a progressive JPEG");
  EXPECT_EQ(decoding_cost(sample("rgb8_interlaced.png")).kind, "an interlaced PNG");
  EXPECT_EQ(decoding_cost(sample("rgb.jpg")).kind, "");
}

TEST(DecodingCost, OfWhatIsNoPictureNothingIsKnown) {
  const ScratchFolder folder;
  EXPECT_EQ(decoding_cost(folder.with("a.jpg", "no picture")).decoder_bytes, 0);
  EXPECT_EQ(decoding_cost(folder.path() / "missing.jpg").file_bytes, 0);
}

/// A tiled OpenEXR file whose header claims tiles of one pixel.
TEST(Exr, RefusesMoreTilesThanFitIntoTheFile) {
  std::string exr = text_of(sample("rgb_half.exr"));
  const auto replace = [&](const std::string& name, size_t size, const std::string& value) {
    const size_t at = exr.find(name) + name.size() + 4;
    exr.replace(at, size, value);
  };
  using namespace std::string_literals;
  replace("dataWindow\0box2i\0"s, 16, "\0\0\0\0\0\0\0\0\xff\x3f\0\0\xff\x3f\0\0"s);
  exr[5] = 2;  // the version's flag for tiles
  const size_t end = exr.find("screenWindowWidth");
  exr.insert(end, "tiles\0tiledesc\0\x09\0\0\0\1\0\0\0\1\0\0\0\0"s);
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "more parts than fit",
               [&] { read_picture(folder.with("a.exr", exr)); });
}

/// Boxes of a HEIF file.
std::string box(const std::string& type, const std::string& body) {
  const auto size = static_cast<uint32_t>(body.size() + 8);
  std::string head;
  for (int shift = 24; shift >= 0; shift -= 8) head += static_cast<char>(size >> shift);
  return head + type + body;
}

TEST(Heif, RefusesAGridThatIsMadeOfItself) {
  using namespace std::string_literals;
  const std::string item = box("infe", "\2\0\0\0\0\1\0\0grid\0"s);
  const std::string meta = box("meta", "\0\0\0\0"s + box("iinf", "\0\0\0\0\0\1"s + item) +
                                           box("iref", "\0\0\0\0"s + box("dimg", "\0\1\0\1\0\1"s)));
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "parts are made of parts",
               [&] { read_picture(folder.with("a.heic", box("ftyp", "heic\0\0\0\0mif1heic"s) + meta)); });
}

}  // namespace
}  // namespace relievo

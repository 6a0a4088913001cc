
#include "samples.h"

namespace relievo {
namespace {

TEST(ReadPicture, GoesByTheContentNotTheName) {
  const ScratchFolder folder;
  std::filesystem::copy_file(sample("rgb.jpg"), folder / "photo.PNG");
  EXPECT_EQ(read_picture(folder / "photo.PNG").width, 32);
}

TEST(ReadPicture, MissingFileIsIo) {
  expect_error(ErrorCode::kIo, "not_there.png", [] { read_picture(sample("not_there.png")); });
}

TEST(ReadPicture, FolderIsIo) {
  expect_error(ErrorCode::kIo, "folder", [] { read_picture(sample("")); });
}

TEST(ReadPicture, DeviceIsIo) {
  expect_error(ErrorCode::kIo, "not a file", [] { read_picture("/dev/zero"); });
}

TEST(ReadPicture, EmptyFileIsInvalidImage) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "empty", [&] { read_picture(folder.with("empty.png", "")); });
}

TEST(ReadPicture, TextNamedPngIsInvalidImage) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "it is a text file",
               [&] { read_picture(folder.with("notes.png", "These are no pixels.\n")); });
}

TEST(ReadPicture, LessThanASignatureIsInvalidImage) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "not a picture",
               [&] { read_picture(folder.with("stub.png", "\x89PNG")); });
}

TEST(ReadPicture, NamesTheFileInItsMessage) {
  expect_error(ErrorCode::kInvalidImage, "'holiday.png'",
               [] { read_picture(std::vector<std::byte>(3), "holiday.png"); });
}

TEST(ReadPicture, HugePictureIsRefusedWithItsSize) {
  expect_error(ErrorCode::kInvalidImage, "20000 x 20000", [] { read_picture(sample("huge.png")); });
}

TEST(ReadPicture, RefusesAnAttributeThatClaimsMoreThanTheFileHas) {
  // Name, type, size: the size becomes 2 GB.
  std::string exr = text_of(sample("rgb_half.exr"));
  const std::string attribute("compression\0compression\0", 24);
  exr.replace(exr.find(attribute) + attribute.size(), 4, "\xff\xff\xff\x7f");
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "larger than the file",
               [&] { read_picture(folder.with("a.exr", exr)); });
}

TEST(ReadPicture, RefusesAJpegWhoseDataEndsBeforeItsPicture) {
  std::string jpeg = text_of(sample("rgb.jpg"));
  // An end marker in the midst of the coded data, all of which stays.
  jpeg.replace(jpeg.size() - 30, 2, "\xff\xd9");
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "premature end of data segment",
               [&] { read_picture(folder.with("a.jpg", jpeg)); });
}

class Limits : public testing::TestWithParam<const char*> {};

TEST_P(Limits, AreKeptForTheSide) {
  const PictureOptions limits{.max_side = 5, .max_pixels = 1 << 20};
  expect_error(ErrorCode::kInvalidImage, "at most 5 a side",
               [&] { read_picture(sample(GetParam()), limits); });
}

TEST_P(Limits, AreKeptForThePixels) {
  const PictureOptions limits{.max_side = 100, .max_pixels = 23};
  expect_error(ErrorCode::kInvalidImage, "23 in all", [&] { read_picture(sample(GetParam()), limits); });
}

INSTANTIATE_TEST_SUITE_P(Formats, Limits,
                         testing::Values("rgb8.png", "rgb.jpg", "rgb.webp", "rgb_float.exr", "rgb8.tif",
                                         "plain.gif", "rgb24.bmp", "rgb.heic", "rgb.avif"),
                         test_name);

class CutShort : public testing::TestWithParam<const char*> {};

TEST_P(CutShort, IsInvalidImageWhereverItIsCut) {
  const std::vector<std::byte> whole = bytes_of(sample(GetParam()));
  // The file is cut everywhere from the end of the signature to the last byte; PNG's last four are a checksum
  // of nothing.
  const size_t end = whole.size() - (std::string_view(GetParam()).ends_with(".png") ? 4 : 0);
  for (size_t size = 12; size < end; ++size) {
    SCOPED_TRACE(size);
    expect_error(ErrorCode::kInvalidImage, "not a sound",
                 [&] { read_picture(std::span(whole).first(size), GetParam()); });
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, CutShort,
                         testing::Values("rgba16.png", "palette_alpha.png", "rgb8_interlaced.png", "rgb.jpg",
                                         "progressive.jpg", "cmyk.jpg", "rgba.webp", "lossy.webp",
                                         "rgba_float.exr", "interlaced.gif", "rgba32.bmp"),
                         test_name);

class NotRead : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(NotRead, IsCalledWhatItIs) {
  const auto [content, what] = GetParam();
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, what, [&, text = content] {
    read_picture(folder.with("picture.png", std::string(text) + std::string(64, '.')));
  });
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, NotRead,
    testing::Values(
        std::pair{"8BPS", "a Photoshop document"}, std::pair{"\n<!DOCTYPE html><html>", "a web page"},
        std::pair{"<?xml version='1.0'?><svg>", "a drawing (SVG)"}, std::pair{"%PDF-1.7", "a PDF document"},
        std::pair{"PK\3\4", "in a zip file"}, std::pair{"BLENDER", "a Blender file"},
        std::pair{"gimp xcf v011", "a GIMP document"}, std::pair{"P6\n3 3 255\n", "a Netpbm picture"},
        std::pair{"{\"a\": 1}", "a JSON document"}, std::pair{"\x89PNG\n", "not a picture of a kind"},
        std::pair{"version https://git-lfs.github.com/spec/v1", "a placeholder of Git LFS"},
        std::pair{"#?RADIANCE", "a Radiance picture"}));

TEST(NotRead, VideosAndRawFilesAreToldByTheirBrand) {
  const ScratchFolder folder;
  const auto boxes = [](const char* brand) {
    return std::string(
               "\0\0\0\x14"
               "ftyp",
               8) +
           brand + std::string(8, '\0');
  };
  expect_error(ErrorCode::kInvalidImage, "a video",
               [&] { read_picture(folder.with("a.heic", boxes("isom"))); });
  expect_error(ErrorCode::kInvalidImage, "raw file",
               [&] { read_picture(folder.with("a.cr3", boxes("crx "))); });
}

TEST(NotRead, AFileOfZerosIsAnUnfinishedDownload) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidImage, "zeros",
               [&] { read_picture(folder.with("a.jpg", std::string(1000, '\0'))); });
}

}  // namespace
}  // namespace relievo

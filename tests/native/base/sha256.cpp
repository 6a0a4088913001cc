#include "base/sha256.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

// Examples of FIPS 180-4 (csrc.nist.gov, "SHA256.pdf") and, for the padding's borders, of coreutils'
// sha256sum.
TEST(Sha256, AgreesWithPublishedExamples) {
  const auto digest = [](const std::string& message, size_t step) {
    Sha256 hash;
    for (size_t at = 0; at < message.size(); at += step)
      hash.add(std::as_bytes(std::span(message).subspan(at, std::min(step, message.size() - at))));
    return hash.finish();
  };
  EXPECT_EQ(digest("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc", 1), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (const size_t step : {1, 7, 56, 64})
    EXPECT_EQ(digest(two_blocks, step), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1'000'000, 'a'), 1000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(digest(std::string(55, 'x'), 55),
            "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
  EXPECT_EQ(digest(std::string(63, 'x'), 63),
            "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2");
  EXPECT_EQ(digest(std::string(64, 'x'), 64),
            "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
  EXPECT_EQ(digest(std::string(119, 'x'), 119),
            "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const auto path = std::filesystem::temp_directory_path() / ("relievo-sha256-" + std::to_string(::getpid()));
  for (const size_t size : {size_t{0}, size_t{3}, (size_t{1} << 20), (size_t{1} << 20) + 1}) {
    const std::string content(size, 'a');
    std::ofstream(path, std::ios::binary) << content;
    EXPECT_EQ(file_sha256(path), sha256(std::as_bytes(std::span(content))));
  }
  std::filesystem::remove(path);
  expect_error(ErrorCode::kIo, fmt::format("Cannot read '{}': ", path.string()), [&] { file_sha256(path); });
  expect_error(ErrorCode::kIo, "'/dev/zero': it is not a regular file.", [] { file_sha256("/dev/zero"); });
}

}  // namespace
}  // namespace relievo

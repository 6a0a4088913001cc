#include "engine/picture_checksum.h"

#include <span>

#include <fmt/format.h>

#include "base/sha256.h"

namespace relievo {
namespace {

template <typename Picture>
std::string checksum_of_pixels(const Picture& picture, const char* kind) {
  Sha256 sum;
  const std::string size =
      fmt::format("{} {} x {} x {}\n", kind, picture.width, picture.height, picture.channels);
  sum.add(std::as_bytes(std::span(size)));
  sum.add(std::as_bytes(std::span(picture.pixels)));
  return sum.finish();
}

}  // namespace

std::string picture_checksum(const std::filesystem::path& picture) { return file_sha256(picture); }

std::string picture_checksum(const GenerateRequest& request) {
  if (!request.bytes.pixels.empty()) return checksum_of_pixels(request.bytes, "bytes");
  if (!request.image.empty()) return checksum_of_pixels(request.image, "floats");
  if (request.encoded.empty()) return picture_checksum(request.picture);
  Sha256 sum;
  sum.add(request.encoded);
  return sum.finish();
}

}  // namespace relievo

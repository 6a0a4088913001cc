#include "files/pictures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "files/formats.h"

namespace relievo {
namespace files {

void throw_broken(const Source& source, std::string_view format, std::string_view reason) {
  throw Error(ErrorCode::kInvalidImage,
              fmt::format("'{}' is not a sound {} file: {}.", source.name, format, reason),
              "Open the picture in an image editor and save it again, or copy it from its source again.");
}

void check_size(const Source& source, int64_t width, int64_t height) {
  const PictureLimits& limits = source.limits;
  if (width <= 0 || height <= 0) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("'{}' has no pixels.", source.name),
                "Choose another picture.");
  }
  if (width > limits.max_side || height > limits.max_side || width * height > limits.max_pixels) {
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("'{}' has {} x {} pixels; at most {} a side and {} in all are read.", source.name,
                            width, height, limits.max_side, limits.max_pixels),
                "Scale the picture down first.");
  }
}

void throw_does_not_fit(int width, int height, std::string_view format, std::string_view reason) {
  throw Error(
      ErrorCode::kInvalidSettings,
      fmt::format("A picture of {} x {} pixels cannot be written as {}: {}.", width, height, format, reason),
      "Write it as PNG.");
}

}  // namespace files

namespace {

using files::Source;

struct Format {
  const char* name;
  Image (*read)(const Source&);
};

constexpr size_t kSignatureBytes = 12;

/// By the first bytes of a file; null when it is no picture that is read here.
const Format* format_of(std::span<const std::byte> bytes) {
  static constexpr Format kPng{"PNG", files::read_png};
  static constexpr Format kJpeg{"JPEG", files::read_jpeg};
  static constexpr Format kWebp{"WebP", files::read_webp};
  static constexpr Format kExr{"OpenEXR", files::read_exr};
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min(bytes.size(), kSignatureBytes));
  if (start.starts_with("\x89PNG\r\n\x1a\n")) return &kPng;
  if (start.starts_with("\xff\xd8\xff")) return &kJpeg;
  if (start.starts_with("RIFF") && start.size() == kSignatureBytes && start.ends_with("WEBP")) return &kWebp;
  if (start.starts_with("\x76\x2f\x31\x01")) return &kExr;
  return nullptr;
}

const Format& require_format(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.empty()) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("'{}' is an empty file.", name),
                "Choose another picture.");
  }
  const Format* format = format_of(bytes);
  if (format == nullptr) {
    throw Error(
        ErrorCode::kInvalidImage,
        fmt::format("'{}' is not a picture: its content is neither PNG, JPEG, WebP nor OpenEXR.", name),
        "Save the picture as PNG, JPEG, WebP or OpenEXR; changing the file's name is not enough.");
  }
  return *format;
}

[[noreturn]] void throw_unreadable(const std::filesystem::path& path, const std::string& reason) {
  throw Error(ErrorCode::kIo, fmt::format("Cannot read '{}': {}.", path.string(), reason),
              "Check that the path names a picture file which you may read.");
}

/// Looks at the start of the file before it takes memory for all of it.
std::vector<std::byte> read_picture_file(const std::filesystem::path& path, const PictureLimits& limits) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error) throw_unreadable(path, error.message());
  if (std::filesystem::is_directory(status)) throw_unreadable(path, "it is a folder");
  if (!std::filesystem::is_regular_file(status)) throw_unreadable(path, "it is not a file");
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw_unreadable(path, error.message());

  std::ifstream file(path, std::ios::binary);
  if (!file) throw_unreadable(path, std::generic_category().message(errno));
  std::vector<std::byte> bytes(std::min<uintmax_t>(size, kSignatureBytes));
  const auto read = [&](size_t from) {
    file.read(reinterpret_cast<char*>(bytes.data()) + from,
              static_cast<std::streamsize>(bytes.size() - from));
    if (!file) throw_unreadable(path, "it ended early or the disk reported an error");
  };
  read(0);
  require_format(bytes, path.string());
  // An uncompressed float RGBA picture at the limit, and as much again for what else a file may carry.
  if (size / 32 > static_cast<uintmax_t>(limits.max_pixels)) {
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("'{}' is too large to be read: {} bytes.", path.string(), size),
                "Scale the picture down first.");
  }
  const size_t start = bytes.size();
  bytes.resize(size);
  read(start);
  return bytes;
}

/// JPEG has no alpha.
ByteImage on_white(const ByteImage& image) {
  if (image.channels == 3) return image;
  ByteImage flat(image.width, image.height, 3);
  for (size_t i = 0; i < flat.pixels.size() / 3; ++i) {
    const int alpha = image.pixels[i * 4 + 3];
    for (size_t c = 0; c < 3; ++c) {
      flat.pixels[i * 3 + c] =
          static_cast<uint8_t>((image.pixels[i * 4 + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return flat;
}

}  // namespace

Image read_picture(const std::filesystem::path& path, const PictureLimits& limits) {
  return read_picture(read_picture_file(path, limits), path.string(), limits);
}

Image read_picture(std::span<const std::byte> bytes, const std::string& name, const PictureLimits& limits) {
  return require_format(bytes, name).read(Source{bytes, name, limits});
}

std::vector<std::byte> encode_png(const ByteImage& image, const Provenance& provenance) {
  return files::encode_png(image, files::PngContent::kColour, provenance);
}

void write_picture(const std::filesystem::path& path, const Image& image) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::vector<std::byte> bytes;
  if (extension == ".png") {
    bytes = encode_png(to_bytes(image));
  } else if (extension == ".jpg" || extension == ".jpeg") {
    bytes = files::encode_jpeg(on_white(to_bytes(image)));
  } else if (extension == ".webp") {
    bytes = files::encode_webp(to_bytes(image));
  } else if (extension == ".exr") {
    bytes = files::encode_exr(image);
  } else {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("Cannot write '{}': pictures are not written as '{}'.", path.string(), extension),
                "Let the name end in .png, .jpg, .webp or .exr.");
  }
  write_atomically(path, bytes);
}

}  // namespace relievo

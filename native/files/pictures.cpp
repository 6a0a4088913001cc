#include "files/pictures.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "files/formats.h"
#include "files/kinds.h"

namespace relievo {
namespace files {

void throw_broken(const Source& source, std::string_view format, std::string_view reason) {
  throw Error(ErrorCode::kInvalidImage,
              fmt::format("'{}' is not a sound {} file: {}.", source.name, format, reason),
              "Open the picture in an image editor and save it again, or copy it from its source again.");
}

void check_size(const Source& source, int64_t width, int64_t height) {
  const PictureOptions& options = source.options;
  if (width <= 0 || height <= 0) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("'{}' has no pixels.", source.name),
                "Choose another picture.");
  }
  if (width > options.max_side || height > options.max_side || width * height > options.max_pixels) {
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("'{}' has {} x {} pixels; at most {} a side and {} in all are read.", source.name,
                            width, height, options.max_side, options.max_pixels),
                "Scale the picture down first.");
  }
}

std::shared_ptr<void> reserve_whole(const Source& source, std::string_view what, double bytes) {
  if (source.only_measured) throw Measured{bytes, std::string(what)};
  if (bytes > static_cast<double>(source.options.max_decoder_bytes)) {
    constexpr double kMiB = 1 << 20;
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("'{}' is {} picture that takes {:.0f} MiB to decode; at most {:.0f} are taken.",
                            source.name, what, bytes / kMiB,
                            static_cast<double>(source.options.max_decoder_bytes) / kMiB),
                "Scale the picture down first, or save it as a JPEG or PNG that is neither progressive nor "
                "interlaced.");
  }
  if (!source.options.reserve) return {};
  return source.options.reserve(static_cast<int64_t>(bytes));
}

void note_first_of_several(const Source& source, std::string_view what) {
  source.note(fmt::format("The file is {}; its first picture was taken.", what));
}

void throw_does_not_fit(int width, int height, std::string_view format, std::string_view reason) {
  throw Error(
      ErrorCode::kInvalidSettings,
      fmt::format("A picture of {} x {} pixels cannot be written as {}: {}.", width, height, format, reason),
      "Write it as PNG.");
}

}  // namespace files

namespace {

using files::Format;
using files::Source;

const Format& require_format(std::span<const std::byte> bytes, const std::string& name) {
  if (bytes.empty()) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("'{}' is an empty file.", name),
                "Choose another picture, or copy it from its source again.");
  }
  if (const Format* format = files::format_of(bytes)) return *format;
  const std::string kind = files::description_of(bytes);
  throw Error(ErrorCode::kInvalidImage,
              kind.empty() ? fmt::format("'{}' is not a picture of a kind that is read.", name)
                           : fmt::format("'{}' is not read as a picture: it is {}.", name, kind),
              "Save the picture as PNG, JPEG, WebP, TIFF, GIF, BMP, HEIC, AVIF or OpenEXR; changing the "
              "file's name is "
              "not enough.");
}

[[noreturn]] void throw_unreadable(const std::filesystem::path& path, const std::string& reason) {
  throw Error(ErrorCode::kIo, fmt::format("Cannot read '{}': {}.", path.string(), reason),
              "Check that the path names a picture file which you may read.");
}

struct PictureFile {
  std::vector<std::byte> bytes;
  std::shared_ptr<void> reserved;
};

/// Reads a file, but looks at its start before memory is allocated for all of it.
PictureFile read_picture_file(const std::filesystem::path& path, const PictureOptions& options) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error) throw_unreadable(path, error.message());
  if (std::filesystem::is_directory(status)) throw_unreadable(path, "it is a folder");
  if (!std::filesystem::is_regular_file(status)) throw_unreadable(path, "it is not a file");
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw_unreadable(path, error.message());

  std::ifstream file(path, std::ios::binary);
  if (!file) throw_unreadable(path, std::generic_category().message(errno));
  std::vector<std::byte> bytes(std::min<uintmax_t>(size, files::kSignatureBytes));
  const auto read = [&](size_t from) {
    file.read(reinterpret_cast<char*>(bytes.data()) + from,
              static_cast<std::streamsize>(bytes.size() - from));
    if (!file) throw_unreadable(path, "it ended early or the disk reported an error");
  };
  read(0);
  require_format(bytes, path.string());
  if (size > static_cast<uintmax_t>(options.max_file_bytes)) {
    throw Error(
        ErrorCode::kInvalidImage,
        fmt::format("'{}' has {} bytes; at most {} are read.", path.string(), size, options.max_file_bytes),
        "Scale the picture down first.");
  }
  const std::shared_ptr<void> reserved =
      options.reserve ? options.reserve(static_cast<int64_t>(size)) : nullptr;
  const size_t start = bytes.size();
  bytes.resize(size);
  read(start);
  return {std::move(bytes), reserved};
}

/// Flattens alpha onto white, because JPEG has none.
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

Image read_picture(const std::filesystem::path& path, const PictureOptions& options) {
  const PictureFile file = read_picture_file(path, options);
  return read_picture(file.bytes, path.string(), options);
}

Image read_picture(std::span<const std::byte> bytes, const std::string& name, const PictureOptions& options) {
  return require_format(bytes, name).read(Source{bytes, name, options});
}

DecodingCost decoding_cost(const std::filesystem::path& path, const PictureOptions& options) {
  PictureOptions measuring = options;
  measuring.reserve = {};
  try {
    return decoding_cost(read_picture_file(path, measuring).bytes, path.string(), measuring);
  } catch (const Error&) {
    return {};
  }
}

DecodingCost decoding_cost(std::span<const std::byte> bytes, const std::string& name,
                           const PictureOptions& options) {
  DecodingCost cost{.file_bytes = static_cast<int64_t>(bytes.size()), .decoder_bytes = 0, .kind = {}};
  try {
    require_format(bytes, name).read(Source{bytes, name, options, true});
  } catch (const files::Measured& measured) {
    cost.decoder_bytes = static_cast<int64_t>(measured.bytes);
    cost.kind = measured.what;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled) throw;
  }
  return cost;
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

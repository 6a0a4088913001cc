#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <tiffio.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/picture_rows.h"

namespace relievo::files {
namespace {

/// The file in memory, and libtiff's last complaint.
struct Stream {
  std::span<const std::byte> bytes;
  size_t position = 0;
  std::array<char, 256> message{};
};

Stream& stream_of(thandle_t handle) { return *static_cast<Stream*>(handle); }

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  Stream& stream = stream_of(handle);
  const size_t left = stream.bytes.size() - std::min(stream.position, stream.bytes.size());
  const size_t now = std::min(left, static_cast<size_t>(std::max<tmsize_t>(count, 0)));
  if (now > 0) std::memcpy(to, stream.bytes.data() + stream.position, now);
  stream.position += now;
  return static_cast<tmsize_t>(now);
}

tmsize_t write_bytes(thandle_t /*handle*/, void* /*from*/, tmsize_t /*count*/) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Stream& stream = stream_of(handle);
  const toff_t base = whence == SEEK_CUR ? stream.position : whence == SEEK_END ? stream.bytes.size() : 0;
  stream.position = static_cast<size_t>(base + offset);
  return stream.position;
}

int close(thandle_t /*handle*/) { return 0; }
toff_t size(thandle_t handle) { return stream_of(handle).bytes.size(); }

int on_error(TIFF* /*file*/, void* data, const char* /*module*/, const char* format, va_list words) {
  auto& message = static_cast<Stream*>(data)->message;
  std::vsnprintf(message.data(), message.size(), format, words);
  return 1;
}
int on_warning(TIFF* /*file*/, void* /*data*/, const char* /*module*/, const char* /*format*/,
               va_list /*words*/) {
  return 1;
}

template <typename Value>
Value field_of(TIFF* file, uint32_t tag, Value otherwise) {
  Value value = otherwise;
  return TIFFGetFieldDefaulted(file, tag, &value) == 1 ? value : otherwise;
}

class TiffReader {
 public:
  explicit TiffReader(const Source& source) : source_(source), stream_{.bytes = source.bytes} {
    const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                   TIFFOpenOptionsFree);
    if (!options) throw std::bad_alloc();
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), source.options.max_decoder_bytes);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &stream_);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &stream_);
    file_.reset(TIFFClientOpenExt("picture", "rm", &stream_, read_bytes, write_bytes, seek, close, size,
                                  nullptr, nullptr, options.get()));
    if (!file_) fail("its header is damaged");
    refuse_raw();
    read_fields();
  }

  Image read() {
    if (TIFFLastDirectory(file_.get()) == 0) note_first_of_several(source_, "a TIFF of several pictures");
    return choose_layout() ? read_samples() : read_converted();
  }

 private:
  [[noreturn]] void fail(const char* otherwise) const {
    throw_broken(source_, "TIFF", stream_.message[0] != '\0' ? stream_.message.data() : otherwise);
  }

  /// Throws for cameras' raw files (DNG, NEF, ARW and others), which begin as a TIFF file with a small
  /// preview.
  void refuse_raw() const {
    constexpr uint32_t kDngVersion = 50706;
    uint16_t count = 0;
    const void* value = nullptr;
    const bool is_dng = TIFFGetField(file_.get(), kDngVersion, &count, &value) == 1 ||
                        TIFFGetField(file_.get(), kDngVersion, &value) == 1;
    const auto kind = field_of<uint32_t>(file_.get(), TIFFTAG_SUBFILETYPE, 0);
    uint16_t photometric = PHOTOMETRIC_RGB;
    TIFFGetField(file_.get(), TIFFTAG_PHOTOMETRIC, &photometric);
    const bool is_mosaic = photometric == 32803;
    uint16_t inner = 0;
    toff_t* offsets = nullptr;
    const bool has_inner = TIFFGetField(file_.get(), TIFFTAG_SUBIFD, &inner, &offsets) == 1 && inner > 0;
    if (is_dng || is_mosaic || ((kind & FILETYPE_REDUCEDIMAGE) != 0 && has_inner)) {
      throw Error(ErrorCode::kInvalidImage,
                  fmt::format("'{}' is not read as a picture: it is a camera's raw file.", source_.name),
                  "Develop it in a raw converter and save it as PNG, JPEG or TIFF.");
    }
  }

  void read_fields() {
    TIFF* file = file_.get();
    uint32_t width = 0, height = 0;
    TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(file, TIFFTAG_IMAGELENGTH, &height);
    check_size(source_, width, height);
    width_ = static_cast<int>(width);
    height_ = static_cast<int>(height);
    bits_ = field_of<uint16_t>(file, TIFFTAG_BITSPERSAMPLE, 1);
    samples_ = field_of<uint16_t>(file, TIFFTAG_SAMPLESPERPIXEL, 1);
    kind_ = field_of<uint16_t>(file, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    is_separate_ =
        field_of<uint16_t>(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
    const auto orientation = field_of<uint16_t>(file, TIFFTAG_ORIENTATION, 1);
    orientation_ = orientation >= 1 && orientation <= 8 ? orientation : 1;
    if (TIFFGetField(file, TIFFTAG_PHOTOMETRIC, &photometric_) != 1) {
      photometric_ = samples_ >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
    }
    is_tiled_ = TIFFIsTiled(file) != 0;
    const double parts = is_tiled_ ? TIFFNumberOfTiles(file) : TIFFNumberOfStrips(file);
    // Each part has an offset and a size in the file.
    if (samples_ == 0 || samples_ > 64 || parts > static_cast<double>(source_.bytes.size())) {
      fail("it claims more parts than fit into the file");
    }
  }

  uint16_t alpha_kind() const {
    uint16_t count = 0;
    uint16_t* kinds = nullptr;
    if (TIFFGetField(file_.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds) != 1 || count == 0) {
      return samples_ == 4 && photometric_ == PHOTOMETRIC_RGB ? uint16_t{EXTRASAMPLE_UNASSALPHA}
                                                              : uint16_t{0xffff};
    }
    // Old programs do not state what a fourth channel is.
    if (kinds[0] == EXTRASAMPLE_UNSPECIFIED) {
      return samples_ == 4 && photometric_ == PHOTOMETRIC_RGB ? uint16_t{EXTRASAMPLE_UNASSALPHA}
                                                              : uint16_t{0xffff};
    }
    return kinds[0];
  }

  /// Chooses how the samples are read; returns false when libtiff has to turn them into colours.
  bool choose_layout() {
    const bool is_jpeg =
        field_of<uint16_t>(file_.get(), TIFFTAG_COMPRESSION, COMPRESSION_NONE) == COMPRESSION_JPEG;
    if (photometric_ == PHOTOMETRIC_YCBCR && is_jpeg && !is_separate_) {
      TIFFSetField(file_.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      photometric_ = PHOTOMETRIC_RGB;
    }
    const bool is_grey = photometric_ == PHOTOMETRIC_MINISBLACK || photometric_ == PHOTOMETRIC_MINISWHITE;
    const bool is_ink = photometric_ == PHOTOMETRIC_SEPARATED &&
                        field_of<uint16_t>(file_.get(), TIFFTAG_INKSET, INKSET_CMYK) == INKSET_CMYK;
    const bool is_palette = photometric_ == PHOTOMETRIC_PALETTE && bits_ == 8 && samples_ == 1;
    is_lab_ = (photometric_ == PHOTOMETRIC_CIELAB || photometric_ == PHOTOMETRIC_ICCLAB) && samples_ >= 3 &&
              (bits_ == 8 || bits_ == 16);
    const bool is_known = is_grey || is_ink || is_palette || is_lab_ || photometric_ == PHOTOMETRIC_RGB;
    const bool is_whole = kind_ == SAMPLEFORMAT_UINT && (bits_ == 8 || bits_ == 16 || bits_ == 32);
    const bool is_float = kind_ == SAMPLEFORMAT_IEEEFP && (bits_ == 32 || bits_ == 64);
    layout_.channels = is_grey ? Channels::kGrey : is_ink ? Channels::kInks : Channels::kRgb;
    const int colours = is_palette ? 1 : static_cast<int>(layout_.channels);
    if (!is_known || (!is_whole && !is_float) || samples_ < colours) {
      std::array<char, 1024> reason{};
      if (TIFFRGBAImageOK(file_.get(), reason.data()) == 0) {
        throw Error(
            ErrorCode::kInvalidImage,
            fmt::format("'{}' is a TIFF of a kind that is not read: {}.", source_.name, reason.data()),
            "Save it as an RGB TIFF of 8 or 16 bits, or as PNG.");
      }
      layout_ = {.channels = Channels::kRgb, .has_alpha = alpha_kind() != 0xffff, .is_premultiplied = true};
      return false;
    }
    is_float_ = is_float;
    const uint16_t alpha = samples_ > colours && !is_palette ? alpha_kind() : uint16_t{0xffff};
    layout_.has_alpha = alpha == EXTRASAMPLE_ASSOCALPHA || alpha == EXTRASAMPLE_UNASSALPHA;
    layout_.is_premultiplied = alpha == EXTRASAMPLE_ASSOCALPHA;
    layout_.is_linear = is_float && !is_ink && !is_palette;
    if (is_palette) read_palette();
    return true;
  }

  void read_palette() {
    uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
    if (TIFFGetField(file_.get(), TIFFTAG_COLORMAP, &red, &green, &blue) != 1) fail("it has no colours");
    palette_.resize(size_t{3} << bits_);
    uint16_t most = 0;
    for (size_t i = 0; i < palette_.size() / 3; ++i) {
      const uint16_t colour[] = {red[i], green[i], blue[i]};
      std::copy_n(colour, 3, &palette_[3 * i]);
      most = std::max({most, red[i], green[i], blue[i]});
    }
    // Old programs wrote 8 bits where there should be 16.
    palette_white_ = most < 256 ? 255.0f : 65535.0f;
  }

  /// Reads rows as they lie in the file, a band of strips or tiles at a time.
  Image read_samples() {
    const size_t sample_bytes = bits_ / 8u, pixel_bytes = sample_bytes * samples_;
    const size_t row_bytes = pixel_bytes * static_cast<size_t>(width_);
    // Of a strip of many rows only a line is needed at a time where the samples of a pixel stand together.
    const bool by_line = !is_tiled_ && !is_separate_;
    uint32_t band = 1;
    if (is_tiled_) {
      TIFFGetField(file_.get(), TIFFTAG_TILELENGTH, &band);
    } else if (!by_line) {
      band = field_of<uint32_t>(file_.get(), TIFFTAG_ROWSPERSTRIP, static_cast<uint32_t>(height_));
    }
    band = std::clamp<uint32_t>(band, 1, static_cast<uint32_t>(height_));
    const std::shared_ptr<void> reserved =
        reserve_whole(source_, "a TIFF", static_cast<double>(row_bytes) * band);
    PictureRows rows(source_, width_, height_, layout_);
    if (by_line && TIFFScanlineSize(file_.get()) > static_cast<tmsize_t>(row_bytes))
      fail("its rows are too long");
    std::vector<uint8_t> lines(row_bytes * band);
    for (uint32_t top = 0; top < static_cast<uint32_t>(height_); top += band) {
      source_.options.cancel.check();
      if (by_line) {
        if (TIFFReadScanline(file_.get(), lines.data(), top, 0) != 1)
          fail("its data is damaged or cut short");
      } else {
        read_band(lines, top, band);
      }
      const uint32_t count = std::min(band, static_cast<uint32_t>(height_) - top);
      for (uint32_t y = 0; y < count; ++y) {
        add_row(rows, lines.data() + row_bytes * y);
      }
    }
    return rows.finish(space(), orientation_);
  }

  void read_band(std::vector<uint8_t>& lines, uint32_t top, uint32_t band) {
    TIFF* file = file_.get();
    const size_t sample_bytes = bits_ / 8u, planes = is_separate_ ? samples_ : 1;
    const size_t part_pixel = is_separate_ ? sample_bytes : sample_bytes * samples_;
    uint32_t part_width = static_cast<uint32_t>(width_);
    if (is_tiled_) TIFFGetField(file, TIFFTAG_TILEWIDTH, &part_width);
    const tmsize_t part_bytes = is_tiled_ ? TIFFTileSize(file) : TIFFStripSize(file);
    if (part_width == 0 || part_bytes <= 0 || part_bytes > source_.options.max_decoder_bytes) {
      fail("its parts are too large");
    }
    part_.assign(static_cast<size_t>(part_bytes), 0);
    for (uint32_t left = 0; left < static_cast<uint32_t>(width_); left += part_width) {
      for (size_t plane = 0; plane < planes; ++plane) {
        source_.options.cancel.check();
        const auto sample = static_cast<uint16_t>(plane);
        const tmsize_t got =
            is_tiled_
                ? TIFFReadEncodedTile(file, TIFFComputeTile(file, left, top, 0, sample), part_.data(),
                                      part_bytes)
                : TIFFReadEncodedStrip(file, TIFFComputeStrip(file, top, sample), part_.data(), part_bytes);
        if (got < 0) fail("its data is damaged or cut short");
        const uint32_t columns = std::min(part_width, static_cast<uint32_t>(width_) - left);
        const uint32_t rows = std::min(band, static_cast<uint32_t>(height_) - top);
        for (uint32_t y = 0; y < rows; ++y) {
          const size_t start = (static_cast<size_t>(y) * part_width) * part_pixel;
          if (start + columns * part_pixel > part_.size()) fail("its parts are too small");
          const uint8_t* from = part_.data() + start;
          uint8_t* to = lines.data() + (static_cast<size_t>(y) * width_ + left) * sample_bytes * samples_ +
                        plane * sample_bytes;
          for (uint32_t x = 0; x < columns; ++x, from += part_pixel, to += sample_bytes * samples_) {
            std::copy_n(from, part_pixel, to);
          }
        }
      }
    }
  }

  float sample_at(const uint8_t* at) const {
    const auto as = [at]<typename Value>(Value value) {
      std::memcpy(&value, at, sizeof value);
      return value;
    };
    if (is_float_) return bits_ == 32 ? as(float{}) : static_cast<float>(as(double{}));
    if (bits_ == 8) return static_cast<float>(*at) / 255.0f;
    if (bits_ == 16) return static_cast<float>(as(uint16_t{})) / 65535.0f;
    return static_cast<float>(static_cast<double>(as(uint32_t{})) / std::numeric_limits<uint32_t>::max());
  }

  /// A pixel of CIE L*a*b* as sRGB. Its white is D50, as all programs write it; white and greys have no a and
  /// b.
  void add_lab(const uint8_t* at, float* to) const {
    const size_t sample_bytes = bits_ / 8u;
    const auto opponent = [&](int c) {
      const uint8_t* sample = at + sample_bytes * static_cast<size_t>(c);
      uint16_t value = 0;
      if (bits_ == 8) {
        value = static_cast<uint16_t>(*sample << 8);
      } else {
        std::memcpy(&value, sample, sizeof value);
      }
      const bool is_signed = photometric_ == PHOTOMETRIC_CIELAB;
      return is_signed ? static_cast<float>(static_cast<int16_t>(value)) / 256
                       : static_cast<float>(value) / 256 - 128;
    };
    const float y = (100 * sample_at(at) + 16) / 116, x = y + opponent(1) / 500, z = y - opponent(2) / 200;
    const auto light = [](float t) { return t > 6.0f / 29 ? t * t * t : (t - 16.0f / 116) * 108 / 841; };
    const std::array white{0.9642f, 1.0f, 0.8249f};
    const std::array xyz{white[0] * light(x), white[1] * light(y), white[2] * light(z)};
    // Converts from D50 to sRGB's primaries and D65, by Bradford's adaptation (IEC 61966-2-1 and ICC.1).
    constexpr float kToSrgb[3][3] = {{3.1338561f, -1.6168667f, -0.4906146f},
                                     {-0.9787684f, 1.9161415f, 0.0334540f},
                                     {0.0719453f, -0.2289914f, 1.4052427f}};
    for (const auto& row : kToSrgb) {
      *to++ = std::min(srgb_from_linear(row[0] * xyz[0] + row[1] * xyz[1] + row[2] * xyz[2]), 1.0f);
    }
  }

  void add_row(PictureRows& rows, const uint8_t* line) {
    const size_t sample_bytes = bits_ / 8u;
    const int colours = static_cast<int>(layout_.channels);
    float* to = rows.row();
    for (int x = 0; x < width_; ++x, line += sample_bytes * samples_) {
      if (!palette_.empty()) {
        for (int c = 0; c < 3; ++c)
          *to++ = static_cast<float>(palette_[size_t{3} * *line + c]) / palette_white_;
        continue;
      }
      if (is_lab_) add_lab(line, to);
      for (int c = 0; c < colours; ++c, ++to) {
        if (is_lab_) continue;
        const float value = sample_at(line + sample_bytes * static_cast<size_t>(c));
        *to = photometric_ == PHOTOMETRIC_MINISWHITE ? 1 - value : value;
      }
      if (layout_.has_alpha) *to++ = sample_at(line + sample_bytes * static_cast<size_t>(colours));
    }
    if (is_float_) {
      const float* row = rows.row();
      if (!std::all_of(row, static_cast<const float*>(to), [](float v) { return std::isfinite(v); })) {
        throw Error(ErrorCode::kInvalidImage,
                    fmt::format("'{}' holds values that are not finite.", source_.name),
                    "Render the picture again, or replace such pixels in a compositor.");
      }
    }
    rows.add_row();
  }

  /// Reads by libtiff's own conversion to 8 bits, a strip or tile at a time, whose rows begin at the bottom.
  Image read_converted() {
    TIFF* file = file_.get();
    uint32_t part_width = static_cast<uint32_t>(width_), band = 1;
    if (is_tiled_) {
      TIFFGetField(file, TIFFTAG_TILEWIDTH, &part_width);
      TIFFGetField(file, TIFFTAG_TILELENGTH, &band);
    } else {
      band = field_of<uint32_t>(file, TIFFTAG_ROWSPERSTRIP, static_cast<uint32_t>(height_));
      band = std::min(band, static_cast<uint32_t>(height_));
    }
    if (part_width == 0 || band == 0) fail("its parts are empty");
    const double part_pixels = double{1.0} * part_width * band;
    const double bytes =
        4 * (part_pixels + double{1.0} * width_ * std::min(band, static_cast<uint32_t>(height_)));
    const std::shared_ptr<void> reserved = reserve_whole(source_, "a TIFF", bytes);
    PictureRows rows(source_, width_, height_, layout_);
    std::vector<uint32_t> part(static_cast<size_t>(part_pixels));
    std::vector<uint32_t> lines(static_cast<size_t>(width_) * std::min(band, static_cast<uint32_t>(height_)));
    for (uint32_t top = 0; top < static_cast<uint32_t>(height_); top += band) {
      const uint32_t count = std::min(band, static_cast<uint32_t>(height_) - top);
      for (uint32_t left = 0; left < static_cast<uint32_t>(width_); left += part_width) {
        source_.options.cancel.check();
        const int fine = is_tiled_ ? TIFFReadRGBATileExt(file, left, top, part.data(), 1)
                                   : TIFFReadRGBAStripExt(file, top, part.data(), 1);
        if (fine != 1) fail("its data is damaged or cut short");
        const uint32_t columns = std::min(part_width, static_cast<uint32_t>(width_) - left);
        const uint32_t stored = is_tiled_ ? band : count;
        for (uint32_t y = 0; y < count; ++y) {
          std::copy_n(&part[static_cast<size_t>(stored - 1 - y) * part_width], columns,
                      &lines[static_cast<size_t>(y) * width_ + left]);
        }
      }
      for (uint32_t y = 0; y < count; ++y) {
        float* to = rows.row();
        for (int x = 0; x < width_; ++x) {
          const uint32_t pixel = lines[static_cast<size_t>(y) * width_ + x];
          *to++ = static_cast<float>(TIFFGetR(pixel)) / 255;
          *to++ = static_cast<float>(TIFFGetG(pixel)) / 255;
          *to++ = static_cast<float>(TIFFGetB(pixel)) / 255;
          if (layout_.has_alpha) *to++ = static_cast<float>(TIFFGetA(pixel)) / 255;
        }
        rows.add_row();
      }
    }
    return rows.finish(space(), orientation_);
  }

  ColourSpace space() const {
    ColourSpace space;
    if (layout_.is_linear) {
      space.transfer = Transfer::kGamma;
      space.gamma = 1;
    }
    uint32_t bytes = 0;
    const void* data = nullptr;
    if (is_lab_) return space;  // turned into sRGB's already
    // Colours that libtiff converted are sRGB's already, except grey and RGB of few bits.
    if (TIFFGetField(file_.get(), TIFFTAG_ICCPROFILE, &bytes, &data) == 1 && bytes > 0) {
      const auto* first = static_cast<const std::byte*>(data);
      space.profile.assign(first, first + bytes);
    }
    return space;
  }

  struct Close {
    void operator()(TIFF* file) const { TIFFClose(file); }
  };

  const Source& source_;
  Stream stream_;
  std::unique_ptr<TIFF, Close> file_;
  int width_ = 0, height_ = 0, orientation_ = 1;
  uint16_t bits_ = 0, samples_ = 0, kind_ = 0, photometric_ = 0;
  bool is_tiled_ = false, is_separate_ = false, is_float_ = false, is_lab_ = false;
  PixelLayout layout_;
  std::vector<uint16_t> palette_;
  float palette_white_ = 65535.0f;
  std::vector<uint8_t> part_;
};

}  // namespace

Image read_tiff(const Source& source) { return TiffReader(source).read(); }

}  // namespace relievo::files

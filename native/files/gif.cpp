#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include <gif_lib.h>

#include "files/formats.h"
#include "files/picture_rows.h"

namespace relievo::files {
namespace {

struct Reader {
  std::span<const std::byte> bytes;
  size_t position = 0;
};

int read_bytes(GifFileType* gif, GifByteType* to, int count) {
  auto& reader = *static_cast<Reader*>(gif->UserData);
  const size_t left = reader.bytes.size() - reader.position;
  const size_t now = std::min(left, static_cast<size_t>(std::max(count, 0)));
  if (now > 0) std::memcpy(to, reader.bytes.data() + reader.position, now);
  reader.position += now;
  return static_cast<int>(now);
}

struct Close {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, Close>;

/// The place of the picture in the file's screen, and the meaning of its indices.
struct Frame {
  int left = 0, top = 0, width = 0, height = 0;
  int transparent = NO_TRANSPARENT_COLOR;
  std::array<std::array<uint8_t, 4>, 256> palette{};
  std::vector<GifPixelType> indices;
};

class GifReader {
 public:
  explicit GifReader(const Source& source) : source_(source), reader_{source.bytes} {
    int error = 0;
    gif_.reset(DGifOpen(&reader_, read_bytes, &error));
    if (!gif_) fail(error);
  }

  /// Reads the first picture of the file.
  Frame first() {
    Frame frame;
    int transparent = NO_TRANSPARENT_COLOR;
    if (!next_picture(transparent)) throw_broken(source_, "GIF", "it holds no picture");
    require(DGifGetImageDesc(gif_.get()));
    const GifImageDesc& desc = gif_->Image;
    frame.left = desc.Left;
    frame.top = desc.Top;
    frame.width = desc.Width;
    frame.height = desc.Height;
    frame.transparent = transparent;
    check_size(source_, frame.width, frame.height);
    check_size(source_, screen_width(frame), screen_height(frame));
    set_palette(frame, desc.ColorMap != nullptr ? desc.ColorMap : gif_->SColorMap);
    const std::shared_ptr<void> reserved =
        reserve_whole(source_, "a GIF", static_cast<double>(frame.width) * frame.height);
    read_indices(frame, desc.Interlace);
    return frame;
  }

  /// Returns whether another picture follows. Throws for a file that is cut off.
  bool has_another() {
    int transparent = NO_TRANSPARENT_COLOR;
    return next_picture(transparent);
  }

  int screen_width(const Frame& frame) const {
    return gif_->SWidth > 0 ? gif_->SWidth : frame.left + frame.width;
  }
  int screen_height(const Frame& frame) const {
    return gif_->SHeight > 0 ? gif_->SHeight : frame.top + frame.height;
  }

 private:
  [[noreturn]] void fail(int error) const {
    const char* reason = GifErrorString(error);
    throw_broken(source_, "GIF", reason != nullptr ? reason : "its data is damaged");
  }
  void require(int status) const {
    if (status == GIF_ERROR) fail(gif_->Error);
  }

  /// Goes to the next picture, past extensions; returns false at the end.
  bool next_picture(int& transparent) {
    while (true) {
      source_.options.cancel.check();
      GifRecordType record = UNDEFINED_RECORD_TYPE;
      require(DGifGetRecordType(gif_.get(), &record));
      if (record == IMAGE_DESC_RECORD_TYPE) return true;
      if (record == TERMINATE_RECORD_TYPE) return false;
      if (record != EXTENSION_RECORD_TYPE) throw_broken(source_, "GIF", "its data is damaged");
      int code = 0;
      GifByteType* block = nullptr;
      require(DGifGetExtension(gif_.get(), &code, &block));
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4 &&
          DGifExtensionToGCB(block[0], block + 1, &control) != GIF_ERROR) {
        transparent = control.TransparentColor;
      }
      while (block != nullptr) require(DGifGetExtensionNext(gif_.get(), &block));
    }
  }

  void set_palette(Frame& frame, const ColorMapObject* colours) const {
    if (colours == nullptr) throw_broken(source_, "GIF", "it has no colours");
    for (int i = 0; i < 256; ++i) {
      const GifColorType colour = i < colours->ColorCount ? colours->Colors[i] : GifColorType{0, 0, 0};
      frame.palette[i] = {colour.Red, colour.Green, colour.Blue,
                          static_cast<uint8_t>(i == frame.transparent ? 0 : 255)};
    }
  }

  void read_indices(Frame& frame, bool is_interlaced) {
    frame.indices.resize(static_cast<size_t>(frame.width) * frame.height);
    const auto read_row = [&](int y) {
      source_.options.cancel.check();
      require(
          DGifGetLine(gif_.get(), frame.indices.data() + static_cast<size_t>(y) * frame.width, frame.width));
    };
    if (!is_interlaced) {
      for (int y = 0; y < frame.height; ++y) read_row(y);
      return;
    }
    constexpr int kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
    for (int pass = 0; pass < 4; ++pass) {
      for (int y = kFirst[pass]; y < frame.height; y += kStep[pass]) read_row(y);
    }
  }

  const Source& source_;
  Reader reader_;
  Gif gif_;
};

}  // namespace

Image read_gif(const Source& source) {
  GifReader reader(source);
  const Frame frame = reader.first();
  if (reader.has_another()) note_first_of_several(source, "an animation");
  const int width = reader.screen_width(frame), height = reader.screen_height(frame);
  const bool fills_screen =
      frame.left == 0 && frame.top == 0 && frame.width >= width && frame.height >= height;
  const bool has_alpha = frame.transparent != NO_TRANSPARENT_COLOR || !fills_screen;
  const size_t stride = has_alpha ? 4 : 3;
  PictureRows rows(source, width, height, {.channels = Channels::kRgb, .has_alpha = has_alpha});
  std::vector<uint8_t> row(stride * static_cast<size_t>(width));
  for (int y = 0; y < height; ++y) {
    std::fill(row.begin(), row.end(), uint8_t{0});
    const int frame_y = y - frame.top;
    if (frame_y >= 0 && frame_y < frame.height) {
      const GifPixelType* indices = frame.indices.data() + static_cast<size_t>(frame_y) * frame.width;
      for (int x = 0; x < frame.width && frame.left + x < width; ++x) {
        std::copy_n(frame.palette[indices[x]].begin(), stride,
                    &row[stride * static_cast<size_t>(frame.left + x)]);
      }
    }
    rows.add(row.data(), 255.0f);
  }
  return rows.finish({}, 1);
}

}  // namespace relievo::files

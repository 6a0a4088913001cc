#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/heif/heif_decoder.h"
#include "files/heif_boxes.h"
#include "files/picture_rows.h"

namespace relievo::files {
namespace {

namespace fs = std::filesystem;

/// The places where the library may lie: beside this code's module or program, or in the folder of the
/// module's dependencies.
std::vector<fs::path> places() {
  std::vector<fs::path> folders;
  Dl_info here{};
  if (dladdr(reinterpret_cast<void*>(&places), &here) != 0 && here.dli_fname != nullptr) {
    folders.push_back(fs::path(here.dli_fname).parent_path());
  }
  std::error_code error;
  folders.push_back(fs::read_symlink("/proc/self/exe", error).parent_path());
  std::vector<fs::path> files;
  for (const fs::path& folder : folders) {
    if (!folder.empty()) files.push_back(folder / "librelievo_heif.so");
  }
  return files;
}

/// Opens the library when it is first needed, and for good. Returns null when it is not there; `reason` then
/// says why.
HeifDecode* open_decoder(std::string& reason) {
  for (const fs::path& file : places()) {
    void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) return reinterpret_cast<HeifDecode*>(dlsym(library, kHeifDecodeName));
    const char* error = dlerror();
    std::error_code missing;
    if (error != nullptr && (reason.empty() || fs::exists(file, missing))) reason = error;
  }
  return nullptr;
}

HeifDecode* decoder(const Source& source) {
  static std::string reason;
  static HeifDecode* const decode = open_decoder(reason);
  if (decode != nullptr) return decode;
  throw Error(
      ErrorCode::kInvalidImage,
      fmt::format("'{}' is a HEIC or AVIF picture, and the library that reads these cannot be opened: {}.",
                  source.name, reason),
      "Install Relievo again, or save the picture as PNG or JPEG.");
}

class Sink : public HeifSink {
 public:
  explicit Sink(const Source& source) : source_(source) {}

  bool is_cancelled() const noexcept override { return source_.options.cancel.cancelled(); }

  bool accepts(int64_t width, int64_t height) noexcept override {
    // Parts may overlap. Honest files decode the picture, its alpha and what the tiles' edges cover, which is
    // less than this many times the picture in all.
    constexpr double kParts = 4;
    const PictureOptions& options = source_.options;
    if (width <= 0 || height <= 0 || width > options.max_side || height > options.max_side) return false;
    coded_pixels_ += static_cast<double>(width) * static_cast<double>(height);
    return coded_pixels_ <= kParts * static_cast<double>(options.max_pixels);
  }

  void begin(const HeifHeader& header) override {
    check_size(source_, header.width, header.height);
    if (header.pictures > 1) note_first_of_several(source_, "a HEIF file of several pictures");
    // The memory is three planes of the whole picture, and the decoder's own planes of a part.
    const double bytes = (header.bits > 8 ? 2.0 : 1.0) * (header.has_alpha ? 8 : 6);
    reserved_ = reserve_whole(source_, "a HEIC or AVIF", bytes * header.width * header.height);
    header_ = header;
    space_ = space_of_code_points(header.primaries, header.transfer);
    const auto* first = reinterpret_cast<const std::byte*>(header.profile);
    if (header.profile != nullptr) space_.profile.assign(first, first + header.profile_bytes);
    rows_.emplace(source_, header.width, header.height,
                  PixelLayout{.channels = Channels::kRgb,
                              .has_alpha = header.has_alpha,
                              .is_premultiplied = header.is_premultiplied});
  }

  void row(const unsigned char* red, const unsigned char* green, const unsigned char* blue,
           const unsigned char* alpha) override {
    const unsigned char* const planes[] = {red, green, blue, alpha};
    const int channels = header_.has_alpha ? 4 : 3;
    const auto white = static_cast<float>((1 << header_.bits) - 1);
    for (int c = 0; c < channels; ++c) {
      float* to = rows_->row() + c;
      for (int x = 0; x < header_.width; ++x, to += channels) {
        uint16_t sample = planes[c][x];
        if (header_.bits > 8) std::memcpy(&sample, planes[c] + 2 * static_cast<size_t>(x), sizeof sample);
        *to = static_cast<float>(sample) / white;
      }
    }
    rows_->add_row();
  }

  Image finish() { return rows_->finish(space_, 1); }  // the decoder has turned it already

 private:
  const Source& source_;
  HeifHeader header_;
  ColourSpace space_;
  std::optional<PictureRows> rows_;
  std::shared_ptr<void> reserved_;
  double coded_pixels_ = 0;
};

}  // namespace

Image read_heif(const Source& source) {
  check_heif_items(source);
  Sink sink(source);
  const char* reason =
      decoder(source)(reinterpret_cast<const unsigned char*>(source.bytes.data()), source.bytes.size(), sink);
  source.options.cancel.check();
  if (reason != nullptr) throw_broken(source, "HEIF", reason);
  return sink.finish();
}

}  // namespace relievo::files

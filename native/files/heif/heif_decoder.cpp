#include "files/heif/heif_decoder.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <libheif/box.h>
#include <libheif/heif.h>
#include <libheif/heif_api_structs.h>
#include <libheif/heif_file.h>
#include <libheif/heif_hevc.h>
#include <libheif/heif_plugin.h>
#include <libheif/plugins/heif_decoder_dav1d.h>
#include <libheif/plugins/heif_decoder_libde265.h>

namespace relievo::files {
namespace {

// libheif decodes on the calling thread, because no decoding threads are allowed, so this is the sink of the
// call on this thread.
thread_local HeifSink* t_sink = nullptr;
thread_local std::string t_message;

heif_error refusal(const char* why) {
  return {heif_error_Decoder_plugin_error, heif_suberror_Security_limit_exceeded, why};
}
constexpr heif_error kFine{heif_error_Ok, heif_suberror_Unspecified, "Success"};

/// Asks the sink about the larger of the sizes that the parameter sets of an HEVC picture announce, because
/// libde265 allocates memory for it.
bool accepts_hevc(const uint8_t* data, size_t size) {
  constexpr size_t kLengthBytes = 4;
  constexpr int kSequenceParameters = 33;
  while (size > kLengthBytes) {
    size_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | data[i];
    data += kLengthBytes;
    size -= kLengthBytes;
    if (length == 0 || length > size) return length == 0;
    if ((data[0] >> 1 & 0x3f) == kSequenceParameters) {
      heif::Box_hvcC::configuration config;
      int width = 0, height = 0;
      const heif::Error error =
          heif::parse_sps_for_hvcC_configuration(data, length, &config, &width, &height);
      if (error || !t_sink->accepts(width, height)) return false;
    }
    data += length;
    size -= length;
  }
  return true;
}

/// Wraps a decoder of libheif's, and asks the sink before each coded part whether it may go on.
template <const heif_decoder_plugin* (*get)()>
const heif_decoder_plugin* guarded() {
  static const heif_decoder_plugin* const inner = get();
  static const heif_decoder_plugin outer = [] {
    heif_decoder_plugin plugin = *inner;
    plugin.does_support_format = [](heif_compression_format format) {
      return inner->does_support_format(format) > 0 ? inner->does_support_format(format) + 1000 : 0;
    };
    plugin.new_decoder = [](void** decoder) {
      if (t_sink->is_cancelled()) return refusal("it was cancelled");
      return inner->new_decoder(decoder);
    };
    plugin.push_data = [](void* decoder, const void* data, size_t size) {
      const bool is_hevc = inner->does_support_format(heif_compression_HEVC) > 0;
      if (is_hevc && !accepts_hevc(static_cast<const uint8_t*>(data), size))
        return refusal("its parts are too large");
      return inner->push_data(decoder, data, size);
    };
    plugin.decode_image = [](void* decoder, heif_image** image) {
      const heif_error error = inner->decode_image(decoder, image);
      if (error.code != heif_error_Ok || *image == nullptr) return error;
      const bool is_av1 = inner->does_support_format(heif_compression_AV1) > 0;
      const int width = heif_image_get_width(*image, heif_channel_Y);
      const int height = heif_image_get_height(*image, heif_channel_Y);
      if (is_av1 && !t_sink->accepts(width, height)) {
        heif_image_release(*image);
        *image = nullptr;
        return refusal("its parts are too large");
      }
      return kFine;
    };
    return plugin;
  }();
  return &outer;
}

void register_decoders() {
  static const bool done = [] {
    heif_register_decoder_plugin(guarded<get_decoder_plugin_libde265>());
    heif_register_decoder_plugin(guarded<get_decoder_plugin_dav1d>());
    return true;
  }();
  static_cast<void>(done);
}

struct Refused {
  std::string why;  // a copy, because libheif's message lives as long as its context
};
void require(const heif_error& error) {
  if (error.code != heif_error_Ok)
    throw Refused{error.message != nullptr ? error.message : "its data is damaged"};
}

using Context = std::unique_ptr<heif_context, decltype(&heif_context_free)>;
using Handle = std::unique_ptr<const heif_image_handle, decltype(&heif_image_handle_release)>;
using Picture = std::unique_ptr<const heif_image, decltype(&heif_image_release)>;
using Options = std::unique_ptr<heif_decoding_options, decltype(&heif_decoding_options_free)>;

HeifHeader header_of(const heif_context& context, const heif_image_handle* handle,
                     std::vector<unsigned char>& profile) {
  HeifHeader header;
  header.width = heif_image_handle_get_width(handle);
  header.height = heif_image_handle_get_height(handle);
  header.bits = std::max(heif_image_handle_get_luma_bits_per_pixel(handle), 8);
  header.has_alpha = heif_image_handle_has_alpha_channel(handle) != 0;
  header.is_premultiplied = heif_image_handle_is_premultiplied_alpha(handle) != 0;
  header.pictures = heif_context_get_number_of_top_level_images(const_cast<heif_context*>(&context));
  profile.resize(heif_image_handle_get_raw_color_profile_size(handle));
  if (!profile.empty() &&
      heif_image_handle_get_raw_color_profile(handle, profile.data()).code == heif_error_Ok) {
    header.profile = profile.data();
    header.profile_bytes = profile.size();
  }
  heif_color_profile_nclx* codes = nullptr;
  if (heif_image_handle_get_nclx_color_profile(handle, &codes).code == heif_error_Ok && codes != nullptr) {
    header.primaries = codes->color_primaries;
    header.transfer = codes->transfer_characteristics;
    heif_nclx_color_profile_free(codes);
  }
  return header;
}

using Turns = std::vector<std::shared_ptr<heif::Box>>;

/// The ways in which a picture is turned, mirrored and cut after it is decoded, in this order.
Turns turns_of(const heif::HeifFile& file, heif_item_id id) {
  std::vector<heif::Box_ipco::Property> properties;
  Turns turns;
  if (file.get_properties(id, properties)) return turns;
  for (const auto& [essential, box] : properties) {
    const heif::Box* turn = box.get();
    if (dynamic_cast<const heif::Box_irot*>(turn) != nullptr ||
        dynamic_cast<const heif::Box_imir*>(turn) != nullptr ||
        dynamic_cast<const heif::Box_clap*>(turn) != nullptr)
      turns.push_back(box);
  }
  return turns;
}

using Pixels = std::shared_ptr<heif::HeifPixelImage>;

Pixels turned(Pixels image, const Turns& turns) {
  for (const auto& box : turns) {
    Pixels next = image;
    heif::Error error;
    if (const auto* turn = dynamic_cast<const heif::Box_irot*>(box.get())) {
      error = image->rotate_ccw(turn->get_rotation(), next);
    } else if (const auto* mirror = dynamic_cast<const heif::Box_imir*>(box.get())) {
      error = image->mirror_inplace(mirror->get_mirror_direction() ==
                                    heif::Box_imir::MirrorDirection::Horizontal);
    } else if (const auto* cut = dynamic_cast<const heif::Box_clap*>(box.get())) {
      const int width = image->get_width(), height = image->get_height();
      const int left = std::max(cut->left_rounded(width), 0), top = std::max(cut->top_rounded(height), 0);
      const int right = std::min(cut->right_rounded(width), width - 1);
      const int bottom = std::min(cut->bottom_rounded(height), height - 1);
      if (left > right || top > bottom) throw Refused{"its parts do not fit together"};
      error = image->crop(left, right, top, bottom, next);
    }
    if (error) throw Refused{error.message};
    image = next;
  }
  return image;
}

/// An alpha of which only the picture says how it is turned, as some programs write it: libheif leaves it as
/// it lies, or out where it is then of another shape. It is taken from the picture, to be turned like it.
class UnturnedAlpha {
 public:
  UnturnedAlpha(const unsigned char* bytes, size_t size, const heif_image_handle& picture) {
    heif::HeifFile file;
    if (file.read_from_memory(bytes, size, false)) return;
    turns_ = turns_of(file, picture.image->get_id());
    if (turns_.empty()) return;
    for (const auto& other : picture.image->get_aux_images()) {
      constexpr std::array kKinds{"urn:mpeg:avc:2015:auxid:1", "urn:mpeg:hevc:2015:auxid:1",
                                  "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"};
      const bool is_alpha = std::find(kKinds.begin(), kKinds.end(), other->get_aux_type()) != kKinds.end();
      if (!is_alpha || other->get_ispe_width() != picture.image->get_ispe_width() ||
          other->get_ispe_height() != picture.image->get_ispe_height() ||
          !turns_of(file, other->get_id()).empty())
        continue;
      handle_ = {other, picture.context};
      picture.image->set_alpha_channel(nullptr);
    }
  }

  explicit operator bool() const { return handle_.image != nullptr; }

  Picture decoded(const heif_decoding_options& options) const {
    heif_image* image = nullptr;
    require(heif_decode_image(&handle_, &image, heif_colorspace_undefined, heif_chroma_undefined, &options));
    Picture picture(image, heif_image_release);
    image->image = turned(image->image, turns_);
    return picture;
  }

 private:
  heif_image_handle handle_;
  Turns turns_;
};

void decode(const unsigned char* bytes, size_t size, HeifSink& sink) {
  const Context context(heif_context_alloc(), heif_context_free);
  if (!context) throw std::bad_alloc();
  heif_context_set_max_decoding_threads(context.get(), 0);
  require(heif_context_read_from_memory_without_copy(context.get(), bytes, size, nullptr));
  heif_image_handle* primary = nullptr;
  require(heif_context_get_primary_image_handle(context.get(), &primary));
  const Handle handle(primary, heif_image_handle_release);
  std::vector<unsigned char> profile;
  const UnturnedAlpha unturned(bytes, size, *handle);
  HeifHeader header = header_of(*context, handle.get(), profile);
  header.has_alpha = header.has_alpha || unturned;
  sink.begin(header);
  // A grid states its size twice.
  heif_context_set_maximum_image_size_limit(context.get(), std::max(header.width, header.height) + 1);

  const Options options(heif_decoding_options_alloc(), heif_decoding_options_free);
  if (!options) throw std::bad_alloc();
  heif_image* decoded = nullptr;
  require(heif_decode_image(handle.get(), &decoded, heif_colorspace_RGB, heif_chroma_444, options.get()));
  const Picture picture(decoded, heif_image_release);
  const Picture alpha = unturned ? unturned.decoded(*options) : Picture(nullptr, heif_image_release);
  const std::array kChannels{heif_channel_R, heif_channel_G, heif_channel_B,
                             alpha ? heif_channel_Y : heif_channel_Alpha};
  std::array<const unsigned char*, 4> planes{};
  std::array<int, 4> strides{};
  for (size_t c = 0; c < planes.size(); ++c) {
    const heif_image* from = c == 3 && alpha ? alpha.get() : picture.get();
    planes[c] = heif_image_get_plane_readonly(from, kChannels[c], &strides[c]);
    const bool is_wanted = c < 3 || header.has_alpha;
    if (!is_wanted) {
      planes[c] = nullptr;
      continue;
    }
    const bool fits = planes[c] != nullptr && heif_image_get_width(from, kChannels[c]) == header.width &&
                      heif_image_get_height(from, kChannels[c]) == header.height &&
                      heif_image_get_bits_per_pixel_range(from, kChannels[c]) == header.bits;
    if (!fits) throw Refused{"its parts do not fit together"};
  }
  for (int y = 0; y < header.height; ++y) {
    std::array<const unsigned char*, 4> row{};
    for (size_t c = 0; c < planes.size(); ++c) {
      if (planes[c] != nullptr) row[c] = planes[c] + static_cast<ptrdiff_t>(strides[c]) * y;
    }
    sink.row(row[0], row[1], row[2], row[3]);
  }
}

struct CurrentSink {
  explicit CurrentSink(HeifSink* sink) { t_sink = sink; }
  ~CurrentSink() { t_sink = nullptr; }
  CurrentSink(const CurrentSink&) = delete;
  CurrentSink& operator=(const CurrentSink&) = delete;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const char* relievo_heif_decode(const unsigned char* bytes,
                                                                                  size_t size,
                                                                                  HeifSink& sink) {
  const CurrentSink current(&sink);
  try {
    register_decoders();
    decode(bytes, size, sink);
  } catch (const Refused& refused) {
    t_message = refused.why;
    return t_message.c_str();
  }
  return nullptr;
}

}  // namespace relievo::files

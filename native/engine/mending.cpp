#include "engine/mending.h"

#include <utility>

#include "base/error.h"
#include "foreground/sheet.h"

namespace relievo {
namespace {

Mask mask_of(const ByteImage& bytes) {
  Mask mask(bytes.width, bytes.height);
  for (size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = static_cast<float>(bytes.pixels[i]) / 255;
  return mask;
}

ByteImage bytes_of(const Mask& mask) {
  ByteImage bytes(mask.width, mask.height, 1);
  for (size_t i = 0; i < mask.values.size(); ++i)
    bytes.pixels[i] = static_cast<uint8_t>(mask.values[i] * 255 + 0.5f);
  return bytes;
}

}  // namespace

Mending::Mending(const ByteImage& picture, const ByteImage& mask, std::vector<MaskStroke> strokes) {
  if (picture.channels < 3 || mask.channels != 1 || picture.width != mask.width ||
      picture.height != mask.height || picture.pixels.empty()) {
    throw Error(ErrorCode::kInvalidImage, "The mask is not as large as its picture.",
                "Give both as the job's previews have them.");
  }
  made_ = std::async(std::launch::async, [colours = from_bytes(picture), before = mask_of(mask),
                                          strokes = std::move(strokes), cancel = cancel_] {
            return bytes_of(mend_mask(colours, before, strokes, Control{{}, cancel}));
          }).share();
}

Mending::~Mending() {
  cancel_.cancel();
  if (made_.valid()) made_.wait();
}

int count_subjects(const ByteImage& mask) {
  return static_cast<int>(figures_of(mask_of(mask), kOutline).size());
}

bool Mending::wait(std::chrono::milliseconds most) {
  return made_.wait_for(most) == std::future_status::ready;
}

const ByteImage& Mending::mask() { return made_.get(); }

}  // namespace relievo

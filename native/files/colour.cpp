#include "files/colour.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include <lcms2.h>

namespace relievo::files {
namespace {

using Profile = std::unique_ptr<void, decltype(&cmsCloseProfile)>;
using Curve = std::unique_ptr<cmsToneCurve, decltype(&cmsFreeToneCurve)>;

constexpr size_t kChunk = 1024;  // pixels that are converted at a time
constexpr size_t kMaxProfileBytes = size_t{64} << 20;

Curve curve_of(Transfer transfer, double gamma) {
  const auto parametric = [](int type, std::array<double, 5> parameters) {
    return Curve(cmsBuildParametricToneCurve(nullptr, type, parameters.data()), cmsFreeToneCurve);
  };
  const auto sampled = [](const std::function<double(double)>& light) {
    std::vector<float> values(4096);
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(light(static_cast<double>(i) / static_cast<double>(values.size() - 1)));
    }
    return Curve(
        cmsBuildTabulatedToneCurveFloat(nullptr, static_cast<cmsUInt32Number>(values.size()), values.data()),
        cmsFreeToneCurve);
  };
  switch (transfer) {
    case Transfer::kSrgb:
      return parametric(4, {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045});
    case Transfer::kBt709:
      return parametric(4, {1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081});
    case Transfer::kGamma:
      return parametric(1, {gamma});
    case Transfer::kPq:
      return sampled([](double value) {
        constexpr double kWhite = 203.0 / 10000;
        const double power = std::pow(value, 1 / 78.84375);
        const double light = std::max(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power);
        return std::pow(light, 1 / 0.1593017578125) / kWhite;
      });
    case Transfer::kHlg:
      return sampled([](double value) {
        const auto light = [](double v) {
          return v <= 0.5 ? v * v / 3 : (std::exp((v - 0.55991073) / 0.17883277) + 0.28466892) / 12;
        };
        return light(value) / light(0.75);
      });
  }
  return {nullptr, cmsFreeToneCurve};
}

Profile rgb_profile(const Primaries& primaries, Transfer transfer, double gamma) {
  const cmsCIExyY white{primaries.white_x, primaries.white_y, 1};
  const cmsCIExyYTRIPLE three{{primaries.red_x, primaries.red_y, 1},
                              {primaries.green_x, primaries.green_y, 1},
                              {primaries.blue_x, primaries.blue_y, 1}};
  const Curve curve = curve_of(transfer, gamma);
  cmsToneCurve* const curves[] = {curve.get(), curve.get(), curve.get()};
  return {curve ? cmsCreateRGBProfile(&white, &three, curves) : nullptr, cmsCloseProfile};
}

bool is_plausible(const Primaries& p) {
  const auto is_point = [](double x, double y) { return x >= 0 && y > 0.001 && x + y <= 1.3; };
  const double area =
      (p.green_x - p.red_x) * (p.blue_y - p.red_y) - (p.blue_x - p.red_x) * (p.green_y - p.red_y);
  return is_point(p.red_x, p.red_y) && is_point(p.green_x, p.green_y) && p.blue_x >= 0 && p.blue_y >= -0.1 &&
         is_point(p.white_x, p.white_y) && std::abs(area) > 1e-3;
}

/// Opens the profile of a file, if it can be used for pixels of these channels.
Profile embedded_profile(const Source& source, const std::vector<std::byte>& bytes, Channels channels) {
  Profile none(nullptr, cmsCloseProfile);
  const auto leave = [&](const char* why) {
    source.note(std::string("The picture's colour profile ") + why + "; its colours were taken as sRGB's.");
  };
  if (bytes.size() > kMaxProfileBytes) return leave("is too large"), std::move(none);
  Profile profile(cmsOpenProfileFromMem(bytes.data(), static_cast<cmsUInt32Number>(bytes.size())),
                  cmsCloseProfile);
  if (!profile) return leave("is damaged"), std::move(none);
  const cmsColorSpaceSignature wanted = channels == Channels::kGrey   ? cmsSigGrayData
                                        : channels == Channels::kInks ? cmsSigCmykData
                                                                      : cmsSigRgbData;
  if (cmsGetColorSpace(profile.get()) != wanted)
    return leave("is for pictures of other channels"), std::move(none);
  return profile;
}

}  // namespace

struct ColourConverter::Transform {
  cmsHTRANSFORM handle = nullptr;
  ~Transform() {
    if (handle != nullptr) cmsDeleteTransform(handle);
  }
};

bool has_srgb_primaries(const ColourSpace& space) {
  const auto is_near = [](double a, double b) { return std::abs(a - b) < 0.002; };
  const Primaries &p = space.primaries, &s = kSrgbPrimaries;
  return is_near(p.red_x, s.red_x) && is_near(p.red_y, s.red_y) && is_near(p.green_x, s.green_x) &&
         is_near(p.green_y, s.green_y) && is_near(p.blue_x, s.blue_x) && is_near(p.blue_y, s.blue_y) &&
         is_near(p.white_x, s.white_x) && is_near(p.white_y, s.white_y);
}

ColourSpace adobe_rgb() {
  ColourSpace space;
  space.primaries.green_x = 0.21;
  space.primaries.green_y = 0.71;
  space.transfer = Transfer::kGamma;
  space.gamma = 2.19921875;
  return space;
}

ColourSpace space_of_code_points(int primaries, int transfer) {
  ColourSpace space;
  Primaries& p = space.primaries;
  switch (primaries) {
    case 4:  // BT.470 M
      p = {0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316};
      break;
    case 5:  // BT.601, 625 lines
      p = {0.64, 0.33, 0.29, 0.60, 0.15, 0.06, 0.3127, 0.3290};
      break;
    case 6:  // BT.601, 525 lines
    case 7:
      p = {0.630, 0.340, 0.310, 0.595, 0.155, 0.070, 0.3127, 0.3290};
      break;
    case 9:  // BT.2020
      p = {0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290};
      break;
    case 11:  // DCI P3
      p = {0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351};
      break;
    case 12:  // Display P3
      p = {0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290};
      break;
    default:
      break;
  }
  const auto power = [&](double gamma) {
    space.transfer = Transfer::kGamma;
    space.gamma = gamma;
  };
  switch (transfer) {
    case 1:
    case 6:
    case 14:
    case 15:
      space.transfer = Transfer::kBt709;
      break;
    case 4:
      power(2.2);
      break;
    case 5:
      power(2.8);
      break;
    case 8:
      power(1);
      break;
    case 16:
      space.transfer = Transfer::kPq;
      break;
    case 17:
      power(2.6);
      break;
    case 18:
      space.transfer = Transfer::kHlg;
      break;
    default:
      break;
  }
  return space;
}

ColourConverter::ColourConverter(const Source& source, const ColourSpace& space, Channels channels,
                                 bool to_linear)
    : channels_(channels), to_linear_(to_linear) {
  Profile from(nullptr, cmsCloseProfile);
  if (!space.profile.empty()) from = embedded_profile(source, space.profile, channels);
  if (!from) {
    const bool is_light = space.transfer == Transfer::kGamma && space.gamma == 1;
    const bool is_native =
        has_srgb_primaries(space) && (to_linear ? is_light : space.transfer == Transfer::kSrgb);
    if (channels == Channels::kInks || is_native) return;
    if (!is_plausible(space.primaries)) {
      source.note("The picture's colour primaries make no sense; its colours were taken as sRGB's.");
      return;
    }
    if (channels == Channels::kGrey) {
      const cmsCIExyY white{space.primaries.white_x, space.primaries.white_y, 1};
      const Curve curve = curve_of(space.transfer, space.gamma);
      from.reset(curve ? cmsCreateGrayProfile(&white, curve.get()) : nullptr);
    } else {
      from = rgb_profile(space.primaries, space.transfer, space.gamma);
    }
    if (space.transfer == Transfer::kPq || space.transfer == Transfer::kHlg) {
      source.note("The picture is brighter than white in places (HDR); what is brighter was cut off.");
    }
  }
  const Profile to = to_linear ? rgb_profile(kSrgbPrimaries, Transfer::kGamma, 1)
                               : Profile(cmsCreate_sRGBProfile(), cmsCloseProfile);
  if (!from || !to) throw std::bad_alloc();
  const bool is_ink = channels == Channels::kInks;
  const cmsUInt32Number format = is_ink                        ? TYPE_CMYK_16
                                 : channels == Channels::kGrey ? TYPE_GRAY_FLT
                                                               : TYPE_RGB_FLT;
  auto transform = std::make_unique<Transform>();
  // The perceptual intent is used, because profiles of inks are made for it; those of screens have only one
  // intent.
  transform->handle = cmsCreateTransform(from.get(), format, to.get(), is_ink ? TYPE_RGB_16 : TYPE_RGB_FLT,
                                         INTENT_PERCEPTUAL, cmsFLAGS_NOCACHE);
  if (transform->handle == nullptr) {
    source.note("The picture's colour profile cannot be used; its colours were taken as sRGB's.");
    return;
  }
  transform_ = std::move(transform);
  if (channels != Channels::kRgb || to_linear) return;
  // Many pictures carry sRGB's own profile: a conversion that would change no level is left out.
  constexpr int kSteps = 9;
  std::vector<float> before, after(kSteps * kSteps * kSteps * 3);
  for (int i = 0; i < kSteps * kSteps * kSteps; ++i) {
    for (const int level : {i % kSteps, i / kSteps % kSteps, i / kSteps / kSteps}) {
      before.push_back(static_cast<float>(level) / (kSteps - 1));
    }
  }
  convert(before.data(), 3, after.data(), 3, after.size() / 3);
  float most = 0;
  for (size_t i = 0; i < after.size(); ++i) most = std::max(most, std::abs(after[i] - before[i]));
  if (most < 0.4f / 255) transform_.reset();
}

ColourConverter::~ColourConverter() = default;

void ColourConverter::convert(const float* from, size_t from_stride, float* to, size_t to_stride,
                              size_t count) const {
  const auto channels = static_cast<size_t>(channels_);
  if (!transform_) {
    for (size_t i = 0; i < count; ++i, from += from_stride, to += to_stride) {
      if (channels_ == Channels::kInks) {
        const float paper = 1 - from[3];
        for (int c = 0; c < 3; ++c) to[c] = (1 - from[c]) * paper;
      } else if (channels_ == Channels::kGrey) {
        const float grey = from[0];
        to[0] = to[1] = to[2] = grey;
      } else if (to != from) {
        std::copy_n(from, 3, to);
      }
    }
    return;
  }
  if (channels_ == Channels::kInks) return convert_inks(from, from_stride, to, to_stride, count);
  std::vector<float> in(channels * kChunk), out(3 * kChunk);
  while (count > 0) {
    const size_t now = std::min(count, kChunk);
    for (size_t i = 0; i < now; ++i) {
      for (size_t c = 0; c < channels; ++c) in[channels * i + c] = from[from_stride * i + c];
    }
    cmsDoTransform(transform_->handle, in.data(), out.data(), static_cast<cmsUInt32Number>(now));
    for (size_t i = 0; i < now; ++i) {
      for (size_t c = 0; c < 3; ++c) {
        const float value = out[3 * i + c];
        to[to_stride * i + c] = std::isnan(value) ? 0 : to_linear_ ? value : std::clamp(value, 0.0f, 1.0f);
      }
    }
    from += from_stride * now;
    to += to_stride * now;
    count -= now;
  }
}

/// Converts in integers, because only for these does Little CMS make paper white.
void ColourConverter::convert_inks(const float* from, size_t from_stride, float* to, size_t to_stride,
                                   size_t count) const {
  constexpr float kMost = 65535;
  constexpr size_t kInks = 4;
  std::vector<uint16_t> in(kInks * kChunk), out(3 * kChunk);
  while (count > 0) {
    const size_t now = std::min(count, kChunk);
    for (size_t i = 0; i < now; ++i) {
      for (size_t c = 0; c < kInks; ++c) {
        in[kInks * i + c] =
            static_cast<uint16_t>(std::clamp(from[from_stride * i + c], 0.0f, 1.0f) * kMost + 0.5f);
      }
    }
    cmsDoTransform(transform_->handle, in.data(), out.data(), static_cast<cmsUInt32Number>(now));
    for (size_t i = 0; i < now; ++i) {
      for (size_t c = 0; c < 3; ++c) to[to_stride * i + c] = static_cast<float>(out[3 * i + c]) / kMost;
    }
    from += from_stride * now;
    to += to_stride * now;
    count -= now;
  }
}

}  // namespace relievo::files

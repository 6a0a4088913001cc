// The published way of a picture into the networks: crops, compositing, PIL's resampling, grids of views.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/resample.h"
#include "foreground/published_crop.h"
#include "multiview/conditioning.h"
#include "nn/view_grid.h"
#include "verify/byte_tensor.h"
#include "verify/checks.h"

namespace relievo {
namespace {

constexpr Tolerance kExact{};
constexpr Tolerance kNormalised{.absolute = 1e-5};

bool should_raise(const Fixture& fixture, const std::string& name) {
  const auto& cases = fixture.config().at("cases");
  return cases.contains(name) && cases.at(name).contains("raises");
}

void check_raises(const ByteImage& rgba, const std::string& case_name, double ratio, Fixture& fixture) {
  try {
    published_crop(rgba, ratio);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNoSubject) return;
  }
  fixture.fail(case_name, fmt::format("cropping at {} should report no_subject", ratio));
}

/// `<case>/rgba` -> `to_rgb`, `foreground<ratio>`, `foreground<ratio>_rgb`.
void check_crops(Fixture& fixture, const std::string& case_name) {
  const std::string prefix = case_name + "/";
  const ByteImage rgba = bytes_from_tensor(fixture.read(prefix + "rgba"));
  if (fixture.has(prefix + "to_rgb")) {
    fixture.compare(prefix + "to_rgb", tensor_from_bytes(paste_on_white(rgba)), kExact);
  }
  for (const std::string& name : fixture.tensors(prefix + "foreground")) {
    if (name.ends_with("_rgb")) continue;
    const ByteImage crop = published_crop(rgba, number_after(name, prefix + "foreground"));
    fixture.compare(name, tensor_from_bytes(crop), kExact);
    if (fixture.has(name + "_rgb")) {
      fixture.compare(name + "_rgb", tensor_from_bytes(paste_on_white(crop)), kExact);
    }
  }
  for (const auto& [name, facts] : fixture.config().at("cases").items()) {
    if (name.starts_with(prefix) && should_raise(fixture, name)) {
      check_raises(rgba, case_name, number_after(name, prefix), fixture);
    }
  }
}

/// `grid_*/grid` -> `views` -> `resized_unclamped` -> `resized`.
void check_view_grid(Fixture& fixture, const std::string& case_name) {
  const std::string prefix = case_name + "/";
  const at::Tensor views = split_view_grid(bytes_from_tensor(fixture.read(prefix + "grid")));
  fixture.compare(prefix + "views", views, kNormalised);
  for (const auto& [name, is_clamped] :
       {std::pair{prefix + "resized_unclamped", false}, {prefix + "resized", true}}) {
    if (!fixture.has(name)) continue;
    const at::Tensor theirs = fixture.read(name);
    const at::Tensor resized = resize_views(views, theirs.size(-2), theirs.size(-1)).unsqueeze(0);
    fixture.compare(name, is_clamped ? resized.clamp(0, 1) : resized, kNormalised);
  }
}

/// `pil/image` -> `pil/<filter>_<width>x<height>`.
void check_resampling(Fixture& fixture, const std::string& case_name) {
  const std::string prefix = case_name + "/";
  const ByteImage image = bytes_from_tensor(fixture.read(prefix + "image"));
  for (const auto& [filter_name, filter] : {std::pair{"bilinear_", ResampleFilter::kBilinear},
                                            {"bicubic_", ResampleFilter::kBicubic},
                                            {"lanczos_", ResampleFilter::kLanczos}}) {
    for (const std::string& name : fixture.tensors(prefix + filter_name)) {
      const std::string size = name.substr(name.rfind('_') + 1);
      const int width = std::stoi(size), height = std::stoi(size.substr(size.find('x') + 1));
      fixture.compare(name, tensor_from_bytes(resample(image, width, height, filter)), kExact);
    }
  }
}

/// `<case>/image` -> `resized_cropped_u8` -> `pixel_values`.
void check_extractor(Fixture& fixture, const std::string& case_name) {
  const std::string prefix = case_name + "/";
  const auto& facts = fixture.config().at("cases").at(case_name);
  Extractor extractor{.side = facts.at("size")};
  for (size_t c = 0; c < 3; ++c) {
    extractor.mean[c] = facts.at("mean")[c];
    extractor.deviation[c] = facts.at("std")[c];
  }
  const ByteImage picture =
      resized_and_cropped(bytes_from_tensor(fixture.read(prefix + "image")), extractor.side);
  fixture.compare(prefix + "resized_cropped_u8", tensor_from_bytes(picture).permute({2, 0, 1}), kExact);
  if (fixture.has(prefix + "pixel_values")) {
    fixture.compare(prefix + "pixel_values", normalised(picture, extractor)[0], kNormalised);
  }
}

}  // namespace

void check_preprocess(Fixture& fixture) {
  fixture.for_each_case([&](const std::string& name) {
    if (fixture.has(name + "/rgba")) {
      check_crops(fixture, name);
    } else if (fixture.has(name + "/grid")) {
      check_view_grid(fixture, name);
    } else if (name == "pil") {
      check_resampling(fixture, name);
    } else if (fixture.has(name + "/resized_cropped_u8")) {
      check_extractor(fixture, name);
    }
  });
}

}  // namespace relievo

// Finds the subject in a mask.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/image.h"

namespace relievo {

/// The pixels left..right-1 of rows top..bottom-1.
struct PixelBox {
  int left = 0, top = 0, right = 0, bottom = 0;
};

/// Values from this one on belong to the subject.
inline constexpr float kOutline = 0.5f;

/// An island (pixels of the subject that touch, corners included) smaller than this share of the largest one
/// is a speck.
inline constexpr double kSpeckShare = 0.01;

/// The part of a mask that is the subject.
struct Subject {
  /// The box around it, without its specks.
  PixelBox box;
  int64_t area = 0;
  struct Speck {
    PixelBox box;
    int64_t area = 0;
  };
  std::vector<Speck> specks;
};

/// Returns the subject and its specks, or nothing when no value reaches kOutline. Two shoes or a cup and its
/// spoon stay together; a dot in a corner of the mask does not move the crop.
std::optional<Subject> subject_of(const Mask& mask);

/// Returns all islands of a mask.
std::vector<Subject::Speck> islands_of(const Mask& mask);

}  // namespace relievo

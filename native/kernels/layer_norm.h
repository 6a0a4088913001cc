// Layer normalisation (Ba et al. 2016) of rows on a GPU, in one pass with the sum that prepares the rows for
// what the next layers add to them. The CPU has torch's.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/body.h"
#include "kernels/half.h"

namespace relievo::kernels {

struct RowNormalisation {
  NumberType type = NumberType::kFloat;
  void* rows = nullptr;          ///< [count, width]
  const void* weight = nullptr;  ///< [width], and all others of the same type as the rows
  const void* bias = nullptr;    ///< [width]
  const void* addend = nullptr;  ///< [width], added to the rows after they are read
  void* out = nullptr;           ///< [count, width], written
  int64_t count = 0;
  int64_t width = 0;
  float epsilon = 0;
};

/// One index is one row; a whole team works on it.
template <typename T, typename Team>
RELIEVO_BODY void normalise_row_at(const Team& team, const RowNormalisation& s, int64_t index) {
  T* const row = static_cast<T*>(s.rows) + index * s.width;
  const auto total = [&](float sum) {
    for (int distance = Team::kSize / 2; distance > 0; distance /= 2) sum += team.across(sum, distance);
    return sum;
  };
  const float width = static_cast<float>(s.width);
  float sum = 0, squares = 0;
  for (int64_t c = team.lane(); c < s.width; c += Team::kSize) sum += float_of(row[c]);
  const float mean = total(sum) / width;
  for (int64_t c = team.lane(); c < s.width; c += Team::kSize) {
    const float d = float_of(row[c]) - mean;
    squares += d * d;
  }
  const float inverse = 1 / sqrtf(total(squares) / width + s.epsilon);
  for (int64_t c = team.lane(); c < s.width; c += Team::kSize) {
    const float x = float_of(row[c]);
    const float y = (x - mean) * inverse * float_of(static_cast<const T*>(s.weight)[c]) +
                    float_of(static_cast<const T*>(s.bias)[c]);
    static_cast<T*>(s.out)[index * s.width + c] = rounded<T>(y);
    row[c] = rounded<T>(x + float_of(static_cast<const T*>(s.addend)[c]));
  }
}

// As in kernels/noise.h.
void normalise_rows_cuda(const RowNormalisation& normalisation, void* cuda_stream);

}  // namespace relievo::kernels

// Squared distances to planes, summed (Garland and Heckbert 1997).
#pragma once

#include <cmath>
#include <optional>

#include "base/vectors.h"

namespace relievo {

/// The function x'Ax + 2 b'x + c.
class Quadric {
 public:
  /// Adds `weight` times the squared distance to a plane through `point`.
  void add_plane(const Double3& unit_normal, const Double3& point, double weight) {
    const Double3& n = unit_normal;
    const double d = dot(n, point);
    xx_ += weight * n[0] * n[0];
    xy_ += weight * n[0] * n[1];
    xz_ += weight * n[0] * n[2];
    yy_ += weight * n[1] * n[1];
    yz_ += weight * n[1] * n[2];
    zz_ += weight * n[2] * n[2];
    b_ = plus(b_, scaled(n, -weight * d));
    c_ += weight * d * d;
  }
  /// Adds `weight` times the squared distance to a point.
  void add_point(const Double3& point, double weight) {
    xx_ += weight;
    yy_ += weight;
    zz_ += weight;
    b_ = plus(b_, scaled(point, -weight));
    c_ += weight * dot(point, point);
  }
  void add(const Quadric& other) {
    xx_ += other.xx_;
    xy_ += other.xy_;
    xz_ += other.xz_;
    yy_ += other.yy_;
    yz_ += other.yz_;
    zz_ += other.zz_;
    b_ = plus(b_, other.b_);
    c_ += other.c_;
  }

  double at(const Double3& x) const { return dot(x, times(x)) + 2 * dot(b_, x) + c_; }

  /// Its minimum, or nothing where that is not a single point.
  std::optional<Double3> lowest() const {
    const Double3 first{xx_, xy_, xz_}, second{xy_, yy_, yz_}, third{xz_, yz_, zz_};
    const double determinant = dot(first, cross(second, third));
    const double size = xx_ + yy_ + zz_;
    if (!(determinant > 1e-14 * size * size * size)) return std::nullopt;
    const Double3 x = plus(plus(scaled(cross(second, third), b_[0]), scaled(cross(third, first), b_[1])),
                           scaled(cross(first, second), b_[2]));
    return scaled(x, -1 / determinant);
  }

 private:
  Double3 times(const Double3& x) const {
    return {xx_ * x[0] + xy_ * x[1] + xz_ * x[2], xy_ * x[0] + yy_ * x[1] + yz_ * x[2],
            xz_ * x[0] + yz_ * x[1] + zz_ * x[2]};
  }

  double xx_ = 0, xy_ = 0, xz_ = 0, yy_ = 0, yz_ = 0, zz_ = 0;
  Double3 b_{};
  double c_ = 0;
};

}  // namespace relievo

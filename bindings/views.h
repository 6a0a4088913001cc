// Shows the engine's memory as arrays.
#pragma once

#include <vector>

#include <pybind11/numpy.h>

#include "base/image.h"

namespace relievo::bindings {

using Shape = std::vector<pybind11::ssize_t>;

/// Makes a read-only array over `data`, in C order, that keeps `owner` alive.
template <typename Scalar>
pybind11::array_t<Scalar> view(const Scalar* data, Shape shape, const pybind11::object& owner) {
  pybind11::array_t<Scalar> array(std::move(shape), data, owner);
  array.attr("flags").attr("writeable") = false;
  return array;
}

/// Makes the same over a vector of rows such as Float3, whose shape is `row`.
template <typename Scalar, typename Row>
pybind11::array_t<Scalar> view_rows(const std::vector<Row>& rows, Shape row, const pybind11::object& owner) {
  row.insert(row.begin(), static_cast<pybind11::ssize_t>(rows.size()));
  return view(reinterpret_cast<const Scalar*>(rows.data()), std::move(row), owner);
}

inline pybind11::array_t<uint8_t> view_bytes(const ByteImage& image, const pybind11::object& owner) {
  return view(image.pixels.data(), {image.height, image.width, image.channels}, owner);
}

}  // namespace relievo::bindings

#include <chrono>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "bindings.h"
#include "engine/mending.h"

namespace py = pybind11;

namespace relievo::bindings {
namespace {

using Bytes = py::array_t<uint8_t, py::array::c_style | py::array::forcecast>;

ByteImage image_of(const Bytes& array) {
  if (array.ndim() != 2 && array.ndim() != 3) throw py::type_error("The array has no rows of pixels.");
  const int channels = array.ndim() == 3 ? static_cast<int>(array.shape(2)) : 1;
  ByteImage image(static_cast<int>(array.shape(1)), static_cast<int>(array.shape(0)), channels);
  std::copy_n(array.data(), image.pixels.size(), image.pixels.begin());
  return image;
}

struct PythonMending : MadeByInit {
  PythonMending(const ByteImage& picture, const ByteImage& mask, std::vector<MaskStroke> strokes)
      : mending(picture, mask, std::move(strokes)) {}
  Mending mending;
};

}  // namespace

void bind_mask(py::module_& module) {
  module.def(
      "_count_subjects", [](const Bytes& mask) { return count_subjects(image_of(mask)); }, py::arg("mask"));
  using Stroke = std::tuple<bool, std::vector<Float2>, float>;
  py::class_<PythonMending>(module, "Mending", py::module_local())
      .def(py::init([](const Bytes& picture, const Bytes& mask, const std::vector<Stroke>& given) {
             std::vector<MaskStroke> strokes;
             for (const auto& [is_subject, points, radius] : given)
               strokes.push_back({is_subject, points, radius});
             return ::new PythonMending(image_of(picture), image_of(mask), std::move(strokes));
           }),
           py::arg("picture"), py::arg("mask"), py::arg("strokes"))
      .def(
          "wait",
          [](PythonMending& made, double seconds) {
            const py::gil_scoped_release unlocked;
            return made.mending.wait(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
          },
          py::arg("seconds"))
      .def("cancel", [](PythonMending& made) { made.mending.cancel(); })
      .def_property_readonly("mask", [](PythonMending& made) {
        const ByteImage* mask = nullptr;
        {
          const py::gil_scoped_release unlocked;
          mask = &made.mending.mask();
        }
        return py::array_t<uint8_t>({mask->height, mask->width}, mask->pixels.data());
      });
}

}  // namespace relievo::bindings

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "bindings.h"
#include "engine/model_list.h"

namespace py = pybind11;

namespace relievo::bindings {

void bind_models(py::module_& module) {
  py::class_<ModelInfo>(module, "ModelInfo", py::module_local())
      .def_readonly("name", &ModelInfo::name)
      .def_readonly("title", &ModelInfo::title)
      .def_readonly("licence", &ModelInfo::licence)
      .def_readonly("stages", &ModelInfo::stages)
      .def_readonly("embedded", &ModelInfo::embedded)
      .def_readonly("installed", &ModelInfo::installed)
      .def_readonly("bytes", &ModelInfo::bytes);
  module.def("models", &list_models);
  module.def("check_weights", &check_weights, py::arg("path"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace relievo::bindings

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "bindings.h"
#include "engine/picture_checksum.h"
#include "engine/result_names.h"

namespace py = pybind11;
namespace fs = std::filesystem;

namespace relievo::bindings {

namespace {

struct PythonNamedPicture : NamedPicture, MadeByInit {};

}  // namespace

void bind_names(py::module_& module) {
  py::class_<PythonNamedPicture>(module, "NamedPicture", py::module_local())
      .def(py::init(
               [](std::string name, std::string checksum, std::vector<std::string> former, bool keeps_name) {
                 return std::unique_ptr<PythonNamedPicture>(::new PythonNamedPicture{
                     {std::move(name), std::move(checksum), std::move(former), keeps_name}, {}});
               }),
           py::arg("name"), py::arg("checksum") = "", py::kw_only(),
           py::arg("former") = std::vector<std::string>(), py::arg("keeps_name") = false)
      .def_readonly("name", &PythonNamedPicture::name)
      .def_readonly("checksum", &PythonNamedPicture::checksum)
      .def_readonly("former", &PythonNamedPicture::former)
      .def_readonly("keeps_name", &PythonNamedPicture::keeps_name);

  module.def(
      "name_results",
      [](const std::vector<PythonNamedPicture>& pictures, const fs::path& folder,
         const std::vector<std::string>& formats, bool sheet, int turntable, bool exr,
         const std::vector<fs::path>& inputs, const std::vector<std::string>& reserved) {
        const py::gil_scoped_release unlocked;
        return name_results({pictures.begin(), pictures.end()},
                            {.folder = folder,
                             .formats = formats,
                             .renders = {.turntable = turntable, .exr = exr, .sheet = sheet},
                             .inputs = inputs,
                             .reserved = reserved});
      },
      py::arg("pictures"), py::arg("folder"), py::kw_only(), py::arg("formats"), py::arg("sheet") = false,
      py::arg("turntable") = 0, py::arg("exr") = false, py::arg("inputs") = std::vector<fs::path>(),
      py::arg("reserved") = std::vector<std::string>());
  module.def(
      "picture_checksum", [](const fs::path& picture) { return picture_checksum(picture); },
      py::arg("picture"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace relievo::bindings

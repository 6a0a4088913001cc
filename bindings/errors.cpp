#include "errors.h"

#include <string>

namespace py = pybind11;

namespace relievo::bindings {
namespace {

// The package's name differs between plain Python and a Blender extension.
std::string g_package;

}  // namespace

py::object python_error(const Error& error) {
  // The function is looked up each time, because Blender forgets and imports the package again when an
  // extension is updated.
  const py::object make_error = py::module_::import((g_package + "._errors").c_str()).attr("make_error");
  return make_error(std::string(code_name(error.code())), error.message(), error.hint());
}

void bind_errors(py::module_& module) {
  const auto name = module.attr("__name__").cast<std::string>();
  g_package = name.substr(0, name.rfind('.'));

  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      const py::object exception = python_error(error);
      PyErr_SetObject(py::type::handle_of(exception).ptr(), exception.ptr());
    }
  });

  module.def("exit_statuses", [] {
    py::dict statuses;
    for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
      const auto code = static_cast<ErrorCode>(i);
      statuses[py::str(std::string(code_name(code)))] = exit_status(code);
    }
    return statuses;
  });
}

}  // namespace relievo::bindings

#include "bindings.h"

namespace py = pybind11;

namespace {

PyObject* refuse_to_make(PyTypeObject* type, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "%s objects come from an engine and cannot be made.", type->tp_name);
  return nullptr;
}

/// Keeps Python from making objects of classes without __init__: not by a call, by __new__ or as a subclass.
/// pybind11 would allocate a value that was never initialised, and use it as it is.
void seal_classes(const py::module_& module) {
  for (const auto& [name, value] : module.attr("__dict__").cast<py::dict>()) {
    if (!py::isinstance<py::type>(value)) continue;
    const py::object init = value.attr("__dict__")["__init__"];
    if (!Py_IS_TYPE(init.ptr(), &PyWrapperDescr_Type))
      continue;  // it has an __init__ of its own, not the one that refuses
    auto* type = reinterpret_cast<PyTypeObject*>(value.ptr());
    type->tp_new = refuse_to_make;
    type->tp_flags &= ~static_cast<unsigned long>(Py_TPFLAGS_BASETYPE);
    PyType_Modified(type);
  }
}

}  // namespace

PYBIND11_MODULE(_native, module) {
  module.doc() = "Relievo's engine. Import it through the package `relievo`, which finds LibTorch first.";
  relievo::bindings::bind_errors(module);
  relievo::bindings::bind_result(module);
  relievo::bindings::bind_engine(module);
  relievo::bindings::bind_mask(module);
  relievo::bindings::bind_models(module);
  relievo::bindings::bind_batch(module);
  relievo::bindings::bind_names(module);
  relievo::bindings::bind_finish(module);
  relievo::bindings::bind_command(module);
  module.def("version", &relievo::version);
  seal_classes(module);
}

#include "bindings.h"

PYBIND11_MODULE(_native, module) {
  module.doc() = "Relievo's engine. Import it through the package `relievo`, which finds LibTorch first.";
  relievo::bindings::bind_errors(module);
  relievo::bindings::bind_result(module);
  relievo::bindings::bind_engine(module);
  relievo::bindings::bind_models(module);
  relievo::bindings::bind_batch(module);
  relievo::bindings::bind_names(module);
  module.def("version", &relievo::version);
}

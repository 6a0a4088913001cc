// Errors of both native modules as the package's exceptions.
#pragma once

#include <pybind11/pybind11.h>

#include "base/error.h"

namespace relievo::bindings {

/// An Error as an instance of the package's exception class for its code.
pybind11::object python_error(const Error& error);

/// Makes whatever a function of the module throws such an exception in Python.
void bind_errors(pybind11::module_& module);

}  // namespace relievo::bindings

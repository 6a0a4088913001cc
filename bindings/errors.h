// Translates errors of both native modules into the package's exceptions.
#pragma once

#include <pybind11/pybind11.h>

#include "base/error.h"

namespace relievo::bindings {

/// Makes an instance of the package's exception class for the error's code.
pybind11::object python_error(const Error& error);

/// Makes every error that a function of the module throws such an exception in Python.
void bind_errors(pybind11::module_& module);

}  // namespace relievo::bindings

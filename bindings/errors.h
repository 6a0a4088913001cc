// Errors of both native modules as the package's exceptions.
#pragma once

#include <pybind11/pybind11.h>

#include "base/error.h"

namespace relievo::bindings {

/// An Error as an instance of the package's exception class for its code.
pybind11::object python_error(const Error& error);

/// What a function of the module throws is raised as such an exception.
void bind_errors(pybind11::module_& module);

}  // namespace relievo::bindings

// Reads JSON into Python's own values.
#pragma once

#include <pybind11/pybind11.h>

namespace relievo::bindings {

/// Binds read_json(), which reads a text as base/json.h does, with its limits. A refusal is a ValueError.
void bind_json(pybind11::module_& module);

}  // namespace relievo::bindings

// JSON as Python's own values.
#pragma once

#include <pybind11/pybind11.h>

namespace relievo::bindings {

/// read_json(): what base/json.h reads of a text, with its limits. What it refuses is a ValueError.
void bind_json(pybind11::module_& module);

}  // namespace relievo::bindings

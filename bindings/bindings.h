// The parts of the module `relievo._native`. Each function adds its part to the module.
//
// Values are shown, not copied: an array is a read-only view into the C++ result, and the Python object that
// it was asked from keeps that result alive. Every call that may wait does so without the interpreter lock,
// and no thread of the engine ever takes it.
#pragma once

#include <memory>

#include <pybind11/pybind11.h>

#include "engine/engine.h"
#include "engine/machine.h"
#include "errors.h"

namespace relievo::bindings {

/// A result as Python holds it. pybind11 knows no pointers to const; nothing that is bound changes a result.
pybind11::object python_result(const std::shared_ptr<const GenerateResult>& result);

void bind_result(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_models(pybind11::module_& module);
void bind_names(pybind11::module_& module);

}  // namespace relievo::bindings

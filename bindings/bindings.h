// The parts of the module `relievo._native`. Each function adds its part to the module.
//
// Values are not copied: an array is a read-only view into the C++ result, and the Python object that it was
// asked from keeps that result alive. Every call that may wait does so without the interpreter lock, and no
// thread of the engine ever takes it.
#pragma once

#include <memory>

#include <pybind11/pybind11.h>

#include "engine/engine.h"
#include "engine/machine.h"
#include "errors.h"

namespace relievo::bindings {

/// The base of objects that Python makes by a call. pybind11 allocates an object whose __init__ was never
/// called (one made by __new__ alone) by `operator new`, and would use it as it is. Factories allocate by
/// `::new`.
struct MadeByInit {
  static void* operator new(size_t) { throw pybind11::type_error("The object's __init__() was not called."); }
  static void operator delete(void* memory) { ::operator delete(memory); }
};

/// Wraps a result for Python. pybind11 knows no pointers to const; nothing that is bound changes a result.
pybind11::object python_result(const std::shared_ptr<const GenerateResult>& result);

/// Reads settings by name, as the engine reads them from JSON. `mask` is `auto`, `alpha` or a file, as on the
/// command line; paths become text.
Settings settings_of(const pybind11::dict& given);

/// Converts settings into the form that Engine.submit takes.
pybind11::dict settings_for_python(const Settings& settings);

void bind_result(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_mask(pybind11::module_& module);
void bind_models(pybind11::module_& module);
void bind_batch(pybind11::module_& module);
void bind_names(pybind11::module_& module);
void bind_finish(pybind11::module_& module);
void bind_command(pybind11::module_& module);

}  // namespace relievo::bindings

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

/// Base of what Python makes by a call. pybind11 takes memory by `operator new` for an object whose __init__
/// was never called, as one that __new__ alone has made, and would use it as it is. Factories take it by
/// `::new`.
struct MadeByInit {
  static void* operator new(size_t) { throw pybind11::type_error("The object's __init__() was not called."); }
  static void operator delete(void* memory) { ::operator delete(memory); }
};

/// A result as Python holds it. pybind11 knows no pointers to const; nothing that is bound changes a result.
pybind11::object python_result(const std::shared_ptr<const GenerateResult>& result);

/// Settings by name, as the engine reads them from JSON. `mask` is `auto`, `alpha` or a file, as on the
/// command line; paths become text.
Settings settings_of(const pybind11::dict& given);

void bind_result(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_models(pybind11::module_& module);
void bind_batch(pybind11::module_& module);
void bind_names(pybind11::module_& module);
void bind_command(pybind11::module_& module);

}  // namespace relievo::bindings

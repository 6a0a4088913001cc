// Interprets pickles, but can build plain values and tensors only. It knows the instructions that PyTorch's
// save() writes (Python's pickletools.py describes them); every name that a pickle may ask for is in one list
// in pickle.cpp, and none of them is a program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/tensor_file.h"

namespace relievo {

struct PickleValue {
  enum class Kind {
    /// A harmless value that nobody asks for: None, a float, a set, a long integer.
    kPlain,
    kBool,
    kInt,
    kText,
    kSequence,  ///< list or tuple: `items`
    kDict,      ///< `items` are key, value, key, value...
    kGlobal,    ///< one of the allowed names: `text`
    kStorage,   ///< `text` its key, `dtype`, `number` its elements
    /// The fields of a tensor are `dtype`, `text` (its storage's key), `number` (its offset in elements),
    /// `shape` and `strides`.
    kTensor,
  };
  Kind kind = Kind::kPlain;
  DType dtype = DType::kFloat32;
  int64_t number = 0;
  /// A tensor's storage's size in elements.
  int64_t storage_elements = 0;
  std::string_view text;  ///< a view of the pickle
  std::vector<PickleValue*> items;
  std::vector<int64_t> shape, strides;
};

/// The values of one pickle. They refer to each other and to the pickle's bytes; cycles are possible.
struct Pickle {
  std::deque<PickleValue> values;
  PickleValue* top = nullptr;
  size_t bytes = 0;  ///< length of the pickle, after which another one may follow
};

/// Runs the pickle at the start of `bytes`. Memory is bounded by a small multiple of the pickle's length,
/// whatever it says. Throws std::runtime_error with the reason: an instruction or a name that is not allowed,
/// a damaged or endless pickle.
Pickle run_pickle(std::span<const std::byte> bytes);

}  // namespace relievo

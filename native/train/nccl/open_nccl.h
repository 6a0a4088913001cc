// Declares the one function of librelievo_nccl.so.
#pragma once

#include <chrono>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace relievo {

inline constexpr const char* kOpenNccl = "relievo_open_nccl";

using OpenNccl = c10::intrusive_ptr<c10d::Backend>(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                   int size, std::chrono::milliseconds timeout);

}  // namespace relievo

// Makes float32 follow IEEE 754, for comparisons.
#pragma once

#include <array>

#include <ATen/Context.h>

namespace relievo {

/// From Ampere on torch lets cuDNN round the factors of float32 convolutions to TF32's 11 bits, unlike the
/// numbers to compare with. Torch's setting belongs to the process, so it is put back.
class WithoutTf32 {
 public:
  WithoutTf32() {
    for (size_t i = 0; i < kOperations.size(); ++i) {
      before_[i] = at::globalContext().float32Precision(at::Float32Backend::CUDA, kOperations[i]);
      set(i, at::Float32Precision::IEEE);
    }
  }
  ~WithoutTf32() {
    for (size_t i = 0; i < kOperations.size(); ++i) set(i, before_[i]);
  }
  WithoutTf32(const WithoutTf32&) = delete;
  WithoutTf32& operator=(const WithoutTf32&) = delete;

 private:
  static constexpr std::array kOperations{at::Float32Op::CONV, at::Float32Op::MATMUL};
  static void set(size_t i, at::Float32Precision precision) {
    at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, kOperations[i], precision);
  }
  std::array<at::Float32Precision, kOperations.size()> before_{};
};

}  // namespace relievo

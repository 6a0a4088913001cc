#include "nn/errors.h"

#include <atomic>
#include <functional>
#include <stdexcept>

#include <ATen/ATen.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace relievo {
namespace {

Error error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (...) {
    return current_torch_error();
  }
  ADD_FAILURE() << "did not throw";
  return {ErrorCode::kInternal, ""};
}

ErrorCode code_of_message(const char* message) {
  return error_of([&] { TORCH_CHECK(false, message); }).code();
}

TEST(TorchErrors, WantOfMemoryUnderAnyNameIsOutOfMemory) {
  constexpr int kPetabyte = 50;
  EXPECT_EQ(error_of([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "none left"); }).code(),
            ErrorCode::kOutOfMemory);
  EXPECT_EQ(error_of([] { at::empty({int64_t{1} << kPetabyte}, at::kByte); }).code(),
            ErrorCode::kOutOfMemory);
  EXPECT_EQ(error_of([] { throw c10::AcceleratorError({}, 2, "CUDA error: out of memory"); }).code(),
            ErrorCode::kOutOfMemory);
  // Names under which torch's own bug tracker has it.
  for (const char* message :
       {"CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
        "GET was unable to find an engine to execute this computation",
        "FIND was unable to find an engine to execute this computation",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "CUDA driver error: out of memory",
        "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"}) {
    EXPECT_EQ(code_of_message(message), ErrorCode::kOutOfMemory) << message;
  }
}

TEST(TorchErrors, ALostContextUnderAnyNameIsDeviceLost) {
  EXPECT_EQ(
      error_of([] { throw c10::AcceleratorError({}, 700, "CUDA error: an illegal memory access"); }).code(),
      ErrorCode::kDeviceLost);
  for (const char* message :
       {"CUDA error: unspecified launch failure", "CUDA driver error: unknown error",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"}) {
    EXPECT_EQ(code_of_message(message), ErrorCode::kDeviceLost) << message;
  }
}

/// Answers torch's questions about CUDA's devices: one GPU whose streams, once it is lost, answer with the
/// error that stays.
class StandInGpu final : public c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA> {
 public:
  /// `stream`: which the thread has; 0 is the default one, that of threads without a GPU.
  StandInGpu(int error, int64_t stream) : error_(error), stream_(stream) { registry() = this; }
  ~StandInGpu() override { registry() = nullptr; }

  c10::Device getDevice() const override { return {c10::kCUDA, 0}; }
  c10::Stream getStream(c10::Device gpu) const noexcept override {
    return c10::Stream(c10::Stream::UNSAFE, gpu, stream_);
  }
  c10::Stream getDefaultStream(c10::Device gpu) const override {
    return c10::Stream(c10::Stream::UNSAFE, gpu, 0);
  }
  bool queryStream(const c10::Stream&) const override {
    ++questions;
    if (error_ != 0) throw c10::AcceleratorError({}, error_, "CUDA error: it stays");
    return true;
  }
  mutable int questions = 0;

 private:
  static std::atomic<const c10::impl::DeviceGuardImplInterface*>& registry() {
    return c10::impl::device_guard_impl_registry[static_cast<size_t>(c10::DeviceType::CUDA)];
  }
  int error_;
  int64_t stream_;
};

constexpr int kIllegalAddress = 700, kMemoryAllocation = 2;

TEST(TorchErrors, AskTheGpuWhetherItIsLostWhereTheWordsDoNotTell) {
  const auto plain = [] { TORCH_CHECK(false, "Expected a finite value"); };
  const auto of_memory = [] { TORCH_CHECK(false, "GET was unable to find an engine"); };
  const auto not_torchs = [] { throw std::runtime_error("cufft failed"); };
  const auto refused = [] { throw Error(ErrorCode::kInvalidImage, "The picture is empty."); };
  {
    const StandInGpu lost(kIllegalAddress, 5);
    EXPECT_EQ(error_of(plain).code(), ErrorCode::kDeviceLost);
    EXPECT_EQ(error_of(of_memory).code(), ErrorCode::kDeviceLost);
    EXPECT_EQ(error_of(not_torchs).code(), ErrorCode::kDeviceLost);
    EXPECT_EQ(error_of(refused).code(), ErrorCode::kInvalidImage);
    EXPECT_NE(error_of(plain).message().find("Expected a finite value"), std::string::npos);
  }
  for (const int error : {0, kMemoryAllocation}) {
    const StandInGpu there(error, 5);
    EXPECT_EQ(error_of(plain).code(), ErrorCode::kInternal);
    EXPECT_EQ(error_of(of_memory).code(), ErrorCode::kOutOfMemory);
    EXPECT_GT(there.questions, 0);
  }
}

TEST(TorchErrors, AskNothingOfAGpuThatTheThreadDoesNotComputeOn) {
  const StandInGpu lost(kIllegalAddress, 0);
  EXPECT_EQ(code_of_message("Expected a finite value"), ErrorCode::kInternal);
  EXPECT_EQ(lost.questions, 0);
}

// The text of torch 2.11's CUDACachingAllocator, with numbers of ours.
Error of_cuda_allocator(const char* unused) {
  return error_of([&] {
    TORCH_CHECK_WITH(
        OutOfMemoryError, false,
        "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 7.79 GiB of which "
        "1.20 GiB is free. Process 4242 has 1.50 GiB memory in use. Including non-PyTorch memory, this "
        "process has 5.00 GiB memory in use. Of the allocated memory 1.20 GiB is allocated by PyTorch, and ",
        unused,
        " is reserved by PyTorch but unallocated. If reserved but unallocated memory is large try setting "
        "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation.");
  });
}

TEST(TorchErrors, KeepsWhatWasAskedForAndWhoHoldsTheRest) {
  const Error error = of_cuda_allocator("300.00 MiB");
  for (const char* fact :
       {"Tried to allocate 2.50 GiB", "Process 4242 has 1.50 GiB", "300.00 MiB is reserved"}) {
    EXPECT_NE(error.message().find(fact), std::string::npos) << error.message();
  }
  EXPECT_EQ(error.message().find("PYTORCH_ALLOC_CONF"), std::string::npos);
  EXPECT_EQ(error.hint().find("--allocator expandable-segments"), std::string::npos);
}

TEST(TorchErrors, NamesFragmentationWhereItIsTheCause) {
  EXPECT_NE(of_cuda_allocator("3.10 GiB").hint().find("--allocator expandable-segments"), std::string::npos);
}

TEST(TorchErrors, AnythingElseOfTorchIsAFaultOfOurs) {
  EXPECT_EQ(error_of([] { at::zeros({2}) + at::zeros({3}); }).code(), ErrorCode::kInternal);
}

}  // namespace
}  // namespace relievo

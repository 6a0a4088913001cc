#include "nn/errors.h"

#include <functional>

#include <ATen/ATen.h>
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

TEST(TorchErrors, MemoryOfAnyKindIsOutOfMemory) {
  constexpr int kPetabyte = 50;
  for (const auto& action : std::initializer_list<std::function<void()>>{
           [] { TORCH_CHECK_WITH(OutOfMemoryError, false, "none left"); },
           [] { TORCH_CHECK(false, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"); },
           [] { at::empty({int64_t{1} << kPetabyte}, at::kByte); }}) {
    const Error error = error_of(action);
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory) << error.what();
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(TorchErrors, AnythingElseOfTorchIsAFaultOfOurs) {
  EXPECT_EQ(error_of([] { at::zeros({2}) + at::zeros({3}); }).code(), ErrorCode::kInternal);
}

}  // namespace
}  // namespace relievo

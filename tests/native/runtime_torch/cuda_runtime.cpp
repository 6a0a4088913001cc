// Which CUDA runtime is asked, where another program's is in the same process.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "runtime/machine/machine.h"

namespace relievo {
namespace {

// Another add-on's runtime is opened after torch's: the lower of the two in memory.
TEST(CudaRuntime, IsTheOneThatTorchNeedsWhateverElseIsOpen) {
  const auto before = find_machine().facts.runtime_cuda;
  ASSERT_TRUE(before);
  void* other = dlopen(RELIEVO_OTHER_CUDA "/libcudart.so.12", RTLD_NOW);
  ASSERT_NE(other, nullptr) << dlerror();
  EXPECT_EQ(find_machine().facts.runtime_cuda, before);
  dlclose(other);
}

}  // namespace
}  // namespace relievo

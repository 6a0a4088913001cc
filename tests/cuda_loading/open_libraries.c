/* Opens LibTorch's libraries as the package does (bindings/relievo/_runtime.py), then those for CUDA, and says what
   each dlopen() says, and last whether CUDA's device guard is registered. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char** paths) {
  void** guards = NULL; /* c10::impl::device_guard_impl_registry, one for each kind of device */
  for (int i = 1; i < count; ++i) {
    void* library = dlopen(paths[i], RTLD_NOW | RTLD_LOCAL);
    printf("%s: %s\n", strrchr(paths[i], '/') + 1, library ? "open" : dlerror());
    if (library && strstr(paths[i], "/libc10.so")) {
      guards = (void**)dlsym(library, "_ZN3c104impl26device_guard_impl_registryE");
    }
  }
  const int kCuda = 1; /* c10::DeviceType::CUDA */
  printf("device guard: %s\n", guards && guards[kCuda] ? "registered" : "none");
  return 0;
}

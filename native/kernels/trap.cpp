#include "kernels/trap.h"

#include "base/error.h"

namespace relievo::kernels {

void trap_cpu() {
  throw Error(ErrorCode::kInvalidSettings, "The processor cannot be lost.", "Use a GPU, such as cuda:0.");
}

}  // namespace relievo::kernels

#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "engine/pipeline_stage.h"
#include "kernels/trap.h"
#include "nn/launch.h"
#include "runtime/execute/device_thread.h"
#include "runtime/torch/worker_hooks.h"
#include "verify/check_list.h"

namespace relievo {
std::vector<DeviceCheck> check_loss(const Worker& worker, const Control& control, const TellCheck& tell) {
  CheckList list(device_name(worker), control, tell, 1);
  constexpr double kMostSeconds = 5;
  list.run("a kernel that traps", "s until the device is lost", kMostSeconds, [&](DeviceCheck& line) {
    const WorkerHooks hooks = make_worker_hooks({worker});
    WorkerThread thread(worker, hooks);
    thread.entered();
    thread.run([&] {
      hooks.finish(worker);  // the device is there, and idle
      const auto begin = Clock::now();
      std::optional<Error> error;
      try {
        launch_on(device_of(worker), RELIEVO_LAUNCHERS(trap));
        hooks.finish(worker);
      } catch (...) {
        error = current_torch_error();
      }
      if (!error) throw Error(ErrorCode::kInternal, "The kernel trapped, and nothing told of it.");
      if (error->code() != ErrorCode::kDeviceLost) throw *error;
      line.number = seconds_since(begin);
      line.note = error->message();
    });
  });
  return list.take();
}

}  // namespace relievo

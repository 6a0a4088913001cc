// The tiny pipeline on three of the stand-in's devices.
#pragma once

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "../engine/tiny_pipeline.h"
#include "fake_cuda.h"

namespace relievo {

inline std::vector<Worker> gpu_workers(int count) {
  std::vector<Worker> workers(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    Worker& worker = workers[static_cast<size_t>(i)];
    worker.name = "cuda:" + std::to_string(i);
    worker.kind = DeviceKind::kCuda;
    worker.device = i;
    worker.budget_bytes = int64_t{1} << 40;
    worker.speed = kGpuSpeed;
  }
  return workers;
}

class OnFakeGpus : public TinyPipelineTest {
 protected:
  OnFakeGpus() { fake_cuda::set_devices({{}, {}, {}}); }
  ~OnFakeGpus() override { EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty()); }
};

}  // namespace relievo

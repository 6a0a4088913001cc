#include "runtime/torch/link_speed.h"

#include <exception>
#include <set>
#include <string_view>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/clock.h"

namespace relievo {
namespace {

void wait_for(const at::Device& device) {
  c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(device).synchronize();
}

void measure(LinkSpeed& link) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  constexpr int kCopies = 4;  // the first also opens the way between the two
  const at::Device source(at::kCUDA, at::DeviceIndex(link.from)), target(at::kCUDA, at::DeviceIndex(link.to));
  const at::Tensor here = at::zeros({kBytes}, at::TensorOptions(source).dtype(at::kByte));
  const at::Tensor there = at::empty({kBytes}, at::TensorOptions(target).dtype(at::kByte));
  double seconds = 0;
  for (int i = 0; i < kCopies; ++i) {
    wait_for(source);
    wait_for(target);
    const auto start = Clock::now();
    there.copy_(here);
    wait_for(source);
    wait_for(target);
    const double taken = seconds_since(start);
    if (i == 1 || (i > 1 && taken < seconds)) seconds = taken;
  }
  link.bytes = kBytes;
  link.seconds = seconds;
}

}  // namespace

std::vector<LinkSpeed> measure_links(const std::vector<Worker>& workers) {
  const at::NoGradGuard no_grad;
  std::set<int> gpus;
  for (const Worker& worker : workers) {
    if (worker.kind == DeviceKind::kCuda) gpus.insert(worker.device);
  }
  std::vector<LinkSpeed> links;
  for (const int from : gpus) {
    for (const int to : gpus) {
      if (from == to) continue;
      LinkSpeed link{from, to};
      try {
        measure(link);
      } catch (const std::exception& error) {  // torch's message goes on with a backtrace
        const std::string_view message = error.what();
        link.error = message.substr(0, message.find('\n'));
      }
      links.push_back(link);
    }
  }
  return links;
}

}  // namespace relievo

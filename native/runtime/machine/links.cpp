#include "runtime/machine/links.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/numbers.h"
#include "base/refusals.h"

namespace relievo {
namespace {

// What copies reach of a link's data sheet.
constexpr double kReached = 0.8;
// Devices that are so far apart in the list never share work.
constexpr size_t kNear = 16;

}  // namespace

std::string link_name(LinkKind kind) {
  constexpr std::string_view kNames[] = {"NVLink", "PCIe switch", "PCIe", "host memory",
                                         "host memory (NUMA)"};
  return std::string(kNames[size_t(kind)]);
}

double pcie_bytes_per_second(int generation, int lanes) {
  // Bytes a second of a lane, after its encoding: PCI-SIG's base specifications 1.0 to 6.0.
  constexpr double kLane[] = {0, 0.25e9, 0.5e9, 0.985e9, 1.969e9, 3.938e9, 7.563e9};
  if (generation < 1 || generation >= int(std::size(kLane)) || lanes < 1) return 0;
  return kReached * kLane[generation] * lanes;
}

GpuLink expected_link(const PairFacts& facts) {
  GpuLink link;
  const double a = facts.host_bytes_per_second[0], b = facts.host_bytes_per_second[1];
  if (facts.nvlinks > 0) {
    // GB a second of one link in one direction, by version: NVIDIA's papers on Pascal, Volta, Ampere, Hopper
    // and Blackwell.
    constexpr double kPerLink[] = {0, 20e9, 25e9, 25e9, 25e9, 50e9};
    const int version = std::clamp(facts.nvlink_version, 1, int(std::size(kPerLink)) - 1);
    link.kind = LinkKind::kNvLink;
    link.lanes = facts.nvlinks;
    link.bytes_per_second = kReached * kPerLink[version] * facts.nvlinks;
    return link;
  }
  if (facts.peer_access) {
    link.kind = facts.ancestor < 30 ? LinkKind::kPcieSwitch : LinkKind::kPeer;
    link.bytes_per_second = std::min(a, b);
    return link;
  }
  link.kind = facts.ancestor >= 50 ? LinkKind::kNuma : LinkKind::kHost;
  link.bytes_per_second = a > 0 && b > 0 ? 1 / (1 / a + 1 / b) : 0;
  return link;
}

bool share_memory(const Worker& a, const Worker& b) { return a.kind == b.kind && a.device == b.device; }

double bytes_between(const Worker& from, const Worker& to) {
  if (from.kind == to.kind && from.kind != DeviceKind::kCpu) {
    if (const auto link = from.links.find(to.device); link != from.links.end()) return link->second;
  }
  return std::min(from.host_bytes_per_second, to.host_bytes_per_second);
}

double host_seconds_per_byte(const Worker& from, const Worker& to) {
  if (share_memory(from, to)) return 0;
  return 1 / from.host_bytes_per_second + 1 / to.host_bytes_per_second;
}

void set_links(std::vector<Worker>& workers, const std::vector<std::string>& texts) {
  const auto named = [&](std::string_view name) -> Worker* {
    const auto found = std::ranges::find(workers, name, &Worker::name);
    return found == workers.end() ? nullptr : &*found;
  };
  for (const std::string& text : texts) {
    const size_t equals = std::min(text.rfind('='), text.size()), plus = text.find('+');
    const std::string_view pair = std::string_view(text).substr(0, equals);
    const double rate =
        1e9 *
        (equals < text.size() ? read_number<double>(std::string_view(text).substr(equals + 1)) : std::nullopt)
            .value_or(0);
    Worker* const a = plus < equals ? named(pair.substr(0, plus)) : nullptr;
    Worker* const b = plus < equals ? named(pair.substr(plus + 1)) : nullptr;
    const bool is_all = pair == "all";
    if (!(rate > 0) || !(is_all || (a && b && a != b))) {
      throw invalid_value("--link", text,
                          fmt::format("Use DEVICE+DEVICE=GB a second, for example {}+{}=25, or all=25.",
                                      workers.front().name, workers.back().name));
    }
    if (is_all) {
      for (size_t i = 0; i < workers.size(); ++i) {
        const size_t end = std::min(workers.size(), i + kNear);
        for (size_t j = i - std::min(i, kNear); j < end; ++j) workers[i].links[workers[j].device] = rate;
      }
    } else {
      a->links[b->device] = b->links[a->device] = rate;
    }
  }
}

}  // namespace relievo

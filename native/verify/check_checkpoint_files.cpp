#include <algorithm>
#include <filesystem>
#include <set>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "nn/tensors.h"
#include "verify/checks.h"

namespace relievo {
namespace {

// The Lightning checkpoint's names carry it; the other containers hold the same tensors without.
constexpr std::string_view kPrefix = "lrm_generator.";

std::string without_prefix(const std::string& name) {
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

/// Compares every tensor that a container holds, bit by bit; a tensor that only the container holds, and in a
/// whole checkpoint one that only the fixture holds, fails.
void check_container(Fixture& fixture, const std::filesystem::path& path) {
  const TensorFile file = read_weights(path);
  const std::string kind = path.filename().string();
  std::set<std::string> expected;
  const bool has_prefix = std::any_of(file.tensors.begin(), file.tensors.end(),
                                      [](const auto& t) { return t.first.starts_with(kPrefix); });
  for (const std::string& name : fixture.tensors()) {
    const std::string ours = has_prefix ? name : without_prefix(name);
    if (!has_prefix && !name.starts_with(kPrefix) && !file.contains(ours)) continue;  // a foreign tensor
    expected.insert(ours);
    if (!file.contains(ours)) {
      fixture.fail("", fmt::format("{}: {} is missing", kind, ours));
      continue;
    }
    const at::Tensor read = tensor_view(file, ours);
    if (read.scalar_type() != fixture.read(name).scalar_type())
      fixture.fail("", fmt::format("{}: {} has another type", kind, ours));
    fixture.compare(name, read, {});
  }
  for (const auto& [name, view] : file.tensors) {
    if (!expected.contains(name)) fixture.fail("", fmt::format("{}: {} is not in the fixture", kind, name));
  }
}

}  // namespace

void check_checkpoint_files(Fixture& fixture) {
  int containers = 0;
  for (const auto& item : std::filesystem::directory_iterator(fixture.folder())) {
    const auto extension = item.path().extension();
    if (extension != ".ckpt" && extension != ".bin" && extension != ".pt" && extension != ".pth") continue;
    ++containers;
    try {
      check_container(fixture, item.path());
    } catch (const Error& error) {
      fixture.fail("", error.what());
    }
  }
  if (containers == 0) fixture.fail("", "there are no checkpoints");
}

}  // namespace relievo

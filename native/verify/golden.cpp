#include "verify/golden.h"

#include <algorithm>
#include <functional>
#include <map>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/error.h"
#include "verify/checks.h"
#include "verify/without_tf32.h"

namespace relievo {
namespace {

using Checker = void (*)(Fixture&);

const std::map<std::string, Checker, std::less<>>& checkers() {
  static const std::map<std::string, Checker, std::less<>> table{
      {"camera", check_camera},
      {"checkpoint_files", check_checkpoint_files},
      {"dino_encoder", check_dino_encoder},
      {"flexicubes", check_flexicubes},
      {"lrm_mesh", check_lrm_mesh},
      {"lrm_nerf", check_lrm_nerf},
      {"marching_cubes", check_marching_cubes},
      {"preprocess", check_preprocess},
      {"schedulers", check_schedulers},
      {"synthesizer_mesh", check_synthesizer_mesh},
      {"synthesizer_nerf", check_synthesizer_nerf},
      {"triplane_transformer", check_triplane_transformer},
      {"triposr_end_to_end", check_triposr_end_to_end},
      {"triposr_image_tokenizer", check_triposr_image_tokenizer},
      {"triposr_isosurface", check_triposr_isosurface},
      {"triposr_preprocess", check_triposr_preprocess},
      {"triposr_transformer", check_triposr_transformer},
      {"triposr_upsample_decoder", check_triposr_upsample_decoder},
      {"u2netp", check_u2netp},
      {"zero123/pipeline", check_multiview_pipeline},
      {"zero123/ref_unet", check_ref_unet},
      {"zero123/scaling", check_scaling},
      {"zero123/text_encoder", check_text_encoder},
      {"zero123/unet", check_unet},
      {"zero123/vae", check_vae},
      {"zero123/vision_encoder", check_vision_encoder},
  };
  return table;
}

}  // namespace

double badness(const Comparison& comparison) {
  if (comparison.error == 0) return 0;
  return comparison.tolerance > 0 ? comparison.error / comparison.tolerance
                                  : std::numeric_limits<double>::infinity();
}

bool computes_as(const std::string& name, const Execution& execution) {
  enum class Half { kNo, kBFloat16, kAny };
  // The heads of fields are float32 in any case, and so is the VAE where the others are float16.
  static const std::map<std::string, Half, std::less<>> on_gpus{
      {"dino_encoder", Half::kAny},          {"flexicubes", Half::kNo},
      {"marching_cubes", Half::kNo},         {"synthesizer_mesh", Half::kNo},
      {"synthesizer_nerf", Half::kNo},       {"triplane_transformer", Half::kAny},
      {"zero123/unet", Half::kAny},          {"zero123/vae", Half::kBFloat16},
      {"zero123/vision_encoder", Half::kAny}};
  if (execution.device.is_cpu() && execution.dtype == at::kFloat) return true;
  const auto found = on_gpus.find(name);
  if (found == on_gpus.end()) return false;
  if (execution.dtype == at::kFloat) return true;
  return found->second == Half::kAny ||
         (found->second == Half::kBFloat16 && execution.dtype == at::kBFloat16);
}

std::map<std::string, std::filesystem::path> fixture_folders(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::map<std::string, fs::path> folders;
  std::error_code error;
  if (fs::exists(root / "io.safetensors")) {
    folders.emplace(fs::canonical(root).filename().string(), root);
    return folders;
  }
  for (auto it = fs::recursive_directory_iterator(root, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it->path().filename() == "io.safetensors") {
      const fs::path folder = it->path().parent_path();
      folders.emplace(fs::relative(folder, root).generic_string(), folder);
    }
  }
  if (folders.empty()) {
    throw Error(ErrorCode::kIo, fmt::format("There are no fixtures in '{}'.", root.string()),
                "Name the folder that holds camera/, dino_encoder/ and the others.");
  }
  return folders;
}

std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto& [name, checker] : checkers()) names.push_back(name);
  return names;
}

bool check_fixture(Fixture& fixture) {
  const at::NoGradGuard no_grad;
  const WithoutTf32 exactly;
  const auto checker = checkers().find(fixture.name());
  if (checker == checkers().end()) return false;
  try {
    checker->second(fixture);
  } catch (const std::exception& error) {
    fixture.fail("", error.what());
  }
  return true;
}

GoldenReport run_golden(const std::filesystem::path& folder, const Execution& execution) {
  GoldenReport report;
  for (const auto& [name, path] : fixture_folders(folder)) {
    execution.control.cancel.check();
    Fixture fixture(name, path, execution);
    if (!computes_as(name, execution) || !check_fixture(fixture)) {
      report.unsupported.push_back(name);
      continue;
    }
    std::map<std::string, Comparison> worst_of_case;
    for (const Comparison& comparison : fixture.comparisons()) {
      const auto [it, is_new] = worst_of_case.emplace(comparison.case_name, comparison);
      if (!is_new && badness(comparison) > badness(it->second)) it->second = comparison;
    }
    for (const auto& [case_name, comparison] : worst_of_case) {
      ++report.cases;
      if (!comparison.passed()) ++report.failed;
      report.worst.push_back(comparison);
    }
    const auto unread = fixture.unread();
    report.unread.insert(report.unread.end(), unread.begin(), unread.end());
  }
  std::stable_sort(report.worst.begin(), report.worst.end(),
                   [](const Comparison& a, const Comparison& b) { return badness(a) > badness(b); });
  return report;
}

}  // namespace relievo

#include "multiview/older_names.h"

#include <array>
#include <utility>

namespace relievo {
namespace {

constexpr std::array<std::pair<const char*, const char*>, 4> kAttentionNames{
    {{".query.", ".to_q."}, {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."}}};

}  // namespace

TensorFile with_present_names(TensorFile file) {
  std::map<std::string, TensorView, std::less<>> renamed;
  for (auto& [name, view] : file.tensors) {
    if (name.ends_with("embeddings.position_ids")) continue;
    std::string present = name;
    if (name.find("mid_block.attentions.") != std::string::npos) {
      for (const auto& [before, after] : kAttentionNames) {
        const size_t at = present.find(before);
        if (at == std::string::npos) continue;
        present.replace(at, std::string(before).size(), after);
        if (view.shape.size() == 4 && view.shape[2] == 1 && view.shape[3] == 1) view.shape.resize(2);
      }
    }
    renamed.emplace(std::move(present), std::move(view));
  }
  file.tensors = std::move(renamed);
  return file;
}

}  // namespace relievo

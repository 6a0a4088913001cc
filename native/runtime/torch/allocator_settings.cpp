#include "runtime/torch/allocator_settings.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <c10/core/AllocatorConfig.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/numbers.h"

namespace relievo {
namespace {

constexpr const char* kVariable = "PYTORCH_ALLOC_CONF";
constexpr std::string_view kSplit = "max_split_size_mb=";
constexpr int kLeastSplit = 21, kMostSplit = 1 << 20;  // torch refuses 20 MiB, its large block, and less

/// The keys that torch 2.11 has for CUDA, but `backend`: another one counts nothing that we ask for.
constexpr std::array<std::string_view, 13> kKeys{
    "expandable_segments",           "garbage_collection_threshold",  "graph_capture_record_stream_reuse",
    "large_segment_size_mb",         "max_non_split_rounding_mb",     "max_split_size_mb",
    "per_process_memory_fraction",   "pinned_num_register_threads",   "pinned_reserve_segment_size_mb",
    "pinned_use_background_threads", "pinned_use_cuda_host_register", "release_lock_on_cudamalloc",
    "roundup_power2_divisions"};

Error refusal(const std::string& wish) {
  return {ErrorCode::kInvalidSettings, fmt::format("Invalid allocator '{}'.", wish),
          fmt::format("Use auto, expandable-segments, {}N with {} or more MiB, or torch's own words, as "
                      "garbage_collection_threshold:0.8.",
                      kSplit, kLeastSplit)};
}

/// Whether torch knows every key of `key:value,key:[value,value]`.
bool has_known_keys(std::string_view words) {
  int depth = 0;
  std::string key;
  bool in_key = true;
  for (const char c : words) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (in_key && c == ':') {
      if (std::ranges::find(kKeys, key) == kKeys.end()) return false;
      in_key = false;
    } else if (c == ',' && depth == 0) {
      if (in_key) return false;  // a key without a value
      key.clear();
      in_key = true;
    } else if (in_key && c != ' ') {
      key += c;
    }
  }
  return !in_key && depth == 0;
}

std::string words_for(Policy policy) {
  switch (policy) {
    case Policy::kFastest:
      return "expandable_segments:True";
    case Policy::kBalanced:
      return "expandable_segments:True,garbage_collection_threshold:0.8";
    case Policy::kMemory:
      return "max_split_size_mb:128,garbage_collection_threshold:0.6";
  }
  return {};
}

std::string_view name_of(Policy policy) {
  constexpr std::array<std::string_view, 3> kNames{"fastest", "balanced", "memory"};
  return kNames.at(static_cast<size_t>(policy));
}

}  // namespace

AllocatorSettings choose_allocator(const std::string& wish, Policy policy, const std::string& environment) {
  if (wish == "auto") {
    if (!environment.empty()) return {environment, fmt::format("the environment's {}", kVariable)};
    return {words_for(policy), fmt::format("the policy '{}'", name_of(policy))};
  }
  const std::string why = "as chosen";
  if (wish == "expandable-segments") return {"expandable_segments:True", why};
  if (wish.starts_with(kSplit)) {
    const auto mib = read_number<int>(std::string_view(wish).substr(kSplit.size()));
    if (!mib || *mib < kLeastSplit || *mib > kMostSplit) throw refusal(wish);
    return {fmt::format("max_split_size_mb:{}", *mib), why};
  }
  if (!has_known_keys(wish)) throw refusal(wish);
  return {wish, why};
}

std::string allocator_environment() {
  for (const char* name : {kVariable, "PYTORCH_CUDA_ALLOC_CONF"}) {
    if (const char* own = std::getenv(name); own && *own) return own;
  }
  return {};
}

void apply(const AllocatorSettings& settings) {
  try {
    c10::CachingAllocator::setAllocatorSettings(settings.words);
  } catch (const std::exception&) {  // torch's own, and those of the standard library's numbers
    throw refusal(settings.words);
  }
}

std::string describe(const AllocatorSettings& settings) {
  return fmt::format("{} ({})", settings.words, settings.why);
}

}  // namespace relievo

// How torch's caching allocator of GPUs is set: the person's wish, the environment's, or the policy's.
#pragma once

#include <string>

#include "runtime/plan/plan.h"

namespace relievo {

struct AllocatorSettings {
  std::string words;  ///< as in PYTORCH_ALLOC_CONF
  std::string why;    ///< who wants it so, in words
};

/// What `wish` means: `auto` (what the environment says in `environment`, else what suits the policy),
/// `expandable-segments`, `max_split_size_mb=N`, or torch's own words (`key:value,key:value`). Expandable
/// segments end fragmentation but keep what they have mapped; a limit on splitting gives memory back sooner.
/// One or the other: with expandable segments the limit does little. Pure. Throws Error{kInvalidSettings}.
AllocatorSettings choose_allocator(const std::string& wish, Policy policy,
                                   const std::string& environment = {});

/// PYTORCH_ALLOC_CONF, or under its older name; empty: it says nothing.
std::string allocator_environment();

/// Tells torch, at any time; what is allocated already stays as it is. Throws Error{kInvalidSettings} for
/// what torch refuses.
void apply(const AllocatorSettings& settings);

/// `expandable_segments:True (the policy 'fastest')`.
std::string describe(const AllocatorSettings& settings);

}  // namespace relievo

// Makes the one error that all readers of weight files throw.
#pragma once

#include <filesystem>
#include <string>

#include <fmt/format.h>

#include "base/error.h"

namespace relievo {

/// The Error{kModelCorrupt} that a reader of `kind` throws for `path`.
inline Error corrupt_file(const std::filesystem::path& path, const std::string& kind,
                          const std::string& reason,
                          const std::string& hint = "Fetch or copy the file again.") {
  return Error(ErrorCode::kModelCorrupt,
               fmt::format("'{}' is not a valid {}: {}.", path.string(), kind, reason), hint);
}

}  // namespace relievo

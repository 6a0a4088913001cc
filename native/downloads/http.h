// One request for the rest of a file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/control.h"
#include "downloads/part_file.h"

namespace relievo {

enum class HttpOutcome {
  kComplete,  ///< the server has sent all that it announced
  kBroken,    ///< the connection broke, or the server is busy: ask again
  kRefused,   ///< this source will not give the file
};

struct HttpReply {
  HttpOutcome outcome = HttpOutcome::kRefused;
  std::string reason;                 ///< for people, unless complete
  std::optional<std::string> sha256;  ///< which huggingface.co tells of its large files
  std::optional<uint64_t> total;      ///< bytes of the whole file as the server says
};

/// Asks `url` for what `part` does not have yet and appends it. `may_resume`: the bytes that are there may
/// belong to the same file although the server has given no way to tell, because a digest will be checked.
/// Stops with kRefused when more than `limit` bytes come. Throws Error{kIo} for the disk's faults and
/// Error{kCancelled}.
HttpReply request_rest(const std::string& url, PartFile& part, bool may_resume, std::optional<uint64_t> limit,
                       const CancelToken& cancel,
                       const std::function<void(uint64_t done, uint64_t total)>& listener);

}  // namespace relievo

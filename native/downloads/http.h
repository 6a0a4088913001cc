// Asks a web server for the rest of a file, and copes with whatever the server makes of that.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/control.h"
#include "downloads/part_file.h"
#include "downloads/transport.h"

namespace relievo {

enum class HttpOutcome {
  /// All of the file is there, as far as the server tells.
  kComplete,
  /// The connection broke, or the server is busy; it may be asked again.
  kBroken,
  /// This source will not give the file, or gives something else.
  kRefused,
};

struct HttpReply {
  HttpOutcome outcome = HttpOutcome::kRefused;
  std::string reason = {};  ///< a clause for people, unless complete
};

/// Is told how many bytes are there, and of how many; 0 where that is not known. Called about every second or
/// more often, even while nothing comes; an exception ends the download as cancelling does.
using BytesListener = std::function<void(uint64_t done, uint64_t total)>;

/// Everything that a request needs besides its address.
struct HttpContext {
  Transport& transport;
  /// A server that sends next to nothing for this long is given up.
  std::chrono::milliseconds patience;
  CancelToken cancel;
  BytesListener listener;
};

/// Facts of the wanted file that are known before the server is asked.
struct WantedFile {
  std::optional<uint64_t> bytes;
  /// With a known digest, bytes of unknown origin may be resumed, because the digest will tell.
  bool is_digest_known = false;
};

/// Asks `url` for the bytes that `part` does not have yet and appends them. Redirects are followed, never
/// from https to anything else. A reply is refused that does not continue what is there: a part that begins
/// or ends elsewhere than it says or belongs to another version, another revision than the address is pinned
/// to, coded or empty content, a web page. The bytes that are there survive a reply that is not the file.
/// Throws Error{kIo} for the disk's faults (a full one before the first byte, where the server tells the
/// size) and Error{kCancelled}.
HttpReply request_rest(const std::string& url, PartFile& part, const WantedFile& wanted,
                       const HttpContext& context);

/// Asks the server for the file's size, without fetching it.
std::optional<uint64_t> request_size(const std::string& url, const HttpContext& context);

/// Throws Error{kIo} when the disk of `part` has no room for a file of `total` bytes.
void check_space(const PartFile& part, uint64_t total);

}  // namespace relievo

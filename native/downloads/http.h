// The rest of a file from a web server, whatever the server makes of the wish.
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
  kComplete,  ///< all of the file is there, as far as the server tells
  kBroken,    ///< the connection broke, or the server is busy: ask again
  kRefused,   ///< this source will not give the file, or gives something else
};

struct HttpReply {
  HttpOutcome outcome = HttpOutcome::kRefused;
  std::string reason = {};  ///< for people, unless complete
};

/// Bytes that are there, of how many; 0: not known. Called about every second or more often, also while
/// nothing comes; an exception ends the download as a wish to cancel does.
using BytesListener = std::function<void(uint64_t done, uint64_t total)>;

/// Everything that a request needs besides its address.
struct HttpContext {
  Transport& transport;
  std::chrono::milliseconds patience;  ///< a server that sends next to nothing for so long is given up
  CancelToken cancel;
  BytesListener listener;
};

/// Facts of the wanted file that are known before the server is asked.
struct WantedFile {
  std::optional<uint64_t> bytes;
  bool is_digest_known = false;  ///< then bytes of unknown origin may be resumed: the digest will tell
};

/// Asks `url` for what `part` does not have yet and appends it. Redirects are followed, never from https to
/// anything else. Nothing is taken that does not follow what is there: a part that begins or ends elsewhere
/// than it says or belongs to another version, coded or empty content, a web page. What is there survives a
/// reply that is not the file. Throws Error{kIo} for the disk's faults (a full one before the first byte,
/// where the server tells the size) and Error{kCancelled}.
HttpReply request_rest(const std::string& url, PartFile& part, const WantedFile& wanted,
                       const HttpContext& context);

/// How large the server says that the file is, without fetching it.
std::optional<uint64_t> request_size(const std::string& url, const HttpContext& context);

/// Throws Error{kIo} when the disk of `part` has no room for a file of `total` bytes.
void check_space(const PartFile& part, uint64_t total);

}  // namespace relievo

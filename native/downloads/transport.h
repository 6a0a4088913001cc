// Moves bytes from a web server. The store (store.h) does everything else about downloads: ranges, redirects,
// judging replies, giving servers up. The program's transport is libcurl (app/curl_transport.h), the Blender
// extension's is Blender's own Python (bindings/store.cpp), so that no second TLS library enters Blender's
// process.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace relievo {

struct HttpRequest {
  std::string url;         ///< http:// or https://
  bool wants_body = true;  ///< GET; HEAD without it
  std::vector<std::pair<std::string, std::string>> headers;
};

/// The headers of a reply, names in lower case. Of a header that comes twice, the last value counts.
using HttpHeaders = std::map<std::string, std::string, std::less<>>;

/// Receives a reply. Its functions return false when the transfer must stop, which does not count as its
/// failure.
class HttpReceiver {
 public:
  virtual ~HttpReceiver() = default;
  /// Is given status and headers, once, before the body.
  virtual bool begin(int status, const HttpHeaders& headers) = 0;
  virtual bool body(std::span<const std::byte> bytes) = 0;
  /// Is called about every second or more often from the request's beginning on, whether or not anything
  /// comes.
  virtual bool wait() = 0;
};

enum class TransferEnd {
  /// All that the server announced has come, or the receiver has stopped the transfer.
  kComplete,
  /// The connection broke or was never made; another try may succeed.
  kBroken,
  /// Another try would fail too: a certificate is not trusted, or the address is not valid.
  kHopeless,
};

struct Transfer {
  TransferEnd end = TransferEnd::kComplete;
  std::string reason = {};  ///< a clause for people, unless complete
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// Makes one request and receives its reply; redirects are not followed. It does not throw for failures of
  /// the network.
  virtual Transfer run(const HttpRequest& request, HttpReceiver& receiver) = 0;
};

}  // namespace relievo

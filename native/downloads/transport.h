// How bytes come from a web server. The store (store.h) knows everything else about downloads: ranges,
// redirects, what a reply may be, when a server is given up. The program's transport is libcurl
// (app/curl_transport.h), the Blender extension's is Blender's own Python (bindings/store.cpp), so that no
// second TLS library enters Blender's process.
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
  bool wants_body = true;  ///< GET; else HEAD
  std::vector<std::pair<std::string, std::string>> headers;
};

/// The header of a reply, names in lower case. Of a name that comes twice, the last value.
using HttpHeaders = std::map<std::string, std::string, std::less<>>;

/// Takes a reply. Its functions return false when the transfer must stop, which is no failure of it.
class HttpReceiver {
 public:
  virtual ~HttpReceiver() = default;
  /// Status and header, once, before the body.
  virtual bool begin(int status, const HttpHeaders& headers) = 0;
  virtual bool body(std::span<const std::byte> bytes) = 0;
  /// Called about every second or more often from the request's beginning on, whether or not anything comes.
  virtual bool wait() = 0;
};

enum class TransferEnd {
  kComplete,  ///< all that the server announced has come, or the receiver has stopped it
  kBroken,    ///< the connection broke or was never made: another try may succeed
  /// It would fail again: a certificate that is not trusted, an address that is none.
  kHopeless,
};

struct Transfer {
  TransferEnd end = TransferEnd::kComplete;
  std::string reason = {};  ///< for people, unless complete
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// One request and its reply, redirects not followed. Does not throw for what the network does.
  virtual Transfer run(const HttpRequest& request, HttpReceiver& receiver) = 0;
};

}  // namespace relievo

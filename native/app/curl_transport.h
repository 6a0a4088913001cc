// The program's way to web servers.
#pragma once

#include <filesystem>

#include "downloads/transport.h"

namespace relievo {

/// libcurl. Proxies are those of the environment (https_proxy, no_proxy, ...).
class CurlTransport final : public Transport {
 public:
  /// `certificates`: a file of certificates in PEM that are trusted in place of the system's; empty: the
  /// system's. Throws Error{kIo} when it cannot be read.
  explicit CurlTransport(std::filesystem::path certificates = {});
  Transfer run(const HttpRequest& request, HttpReceiver& receiver) override;

 private:
  std::filesystem::path certificates_;
};

}  // namespace relievo

// The program's transport to web servers.
#pragma once

#include <filesystem>

#include "downloads/transport.h"

namespace relievo {

/// Uses libcurl. Proxies are those of the environment (https_proxy, no_proxy, ...).
class CurlTransport final : public Transport {
 public:
  /// `certificates` is a file of certificates in PEM that are trusted in place of the system's; where it is
  /// empty, the system's are. Throws Error{kIo} when it cannot be read.
  explicit CurlTransport(std::filesystem::path certificates = {});
  Transfer run(const HttpRequest& request, HttpReceiver& receiver) override;

 private:
  std::filesystem::path certificates_;
};

}  // namespace relievo

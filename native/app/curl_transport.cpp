#include "app/curl_transport.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include <curl/curl.h>

#include "base/error.h"
#include "base/input_file.h"

namespace relievo {
namespace {

constexpr long kConnectSeconds = 20;

class CurlRequest {
 public:
  CurlRequest(const HttpRequest& request, HttpReceiver& receiver)
      : request_(request), receiver_(receiver), curl_(curl_easy_init(), curl_easy_cleanup) {
    if (!curl_) throw std::bad_alloc();
  }

  Transfer run(const std::filesystem::path& certificates);

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(curl_.get(), option, value);
  }
  void header(std::string_view line);
  bool goes_on(bool wish) {
    is_stopped_ = is_stopped_ || !wish;
    return !is_stopped_;
  }

  const HttpRequest& request_;
  HttpReceiver& receiver_;
  std::unique_ptr<CURL, void (*)(CURL*)> curl_;
  HttpHeaders headers_;
  bool has_begun_ = false, is_stopped_ = false;
};

std::string trimmed(std::string_view text) {
  constexpr const char* kBlank = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

/// Tells the receiver when the header is complete. Headers before the last one belong to a proxy's tunnel or
/// to "100 Continue".
void CurlRequest::header(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    headers_.clear();
    return;
  }
  if (trimmed(line).empty()) {
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    // A chunked body may end in more header lines, which do not begin a reply.
    if (status >= 200 && !std::exchange(has_begun_, true))
      goes_on(receiver_.begin(static_cast<int>(status), headers_));
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  headers_[name] = trimmed(line.substr(colon + 1));
}

Transfer CurlRequest::run(const std::filesystem::path& certificates) {
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> lines(nullptr, curl_slist_free_all);
  for (const auto& [name, value] : request_.headers)
    lines.reset(curl_slist_append(lines.release(), (name + ": " + value).c_str()));
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOBODY, request_.wants_body ? 0L : 1L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(CURLOPT_HTTPHEADER, lines.get());
  set(CURLOPT_USERAGENT, "relievo/" RELIEVO_VERSION);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NOPROGRESS, 0L);
  if (!certificates.empty()) set(CURLOPT_CAINFO, certificates.c_str());
  set(CURLOPT_HEADERDATA, this);
  set(
      CURLOPT_HEADERFUNCTION, +[](char* data, size_t size, size_t count, void* self) -> size_t {
        auto& request = *static_cast<CurlRequest*>(self);
        request.header({data, size * count});
        return request.is_stopped_ ? CURL_WRITEFUNC_ERROR : size * count;
      });
  set(CURLOPT_WRITEDATA, this);
  set(
      CURLOPT_WRITEFUNCTION, +[](char* data, size_t size, size_t count, void* self) -> size_t {
        auto& request = *static_cast<CurlRequest*>(self);
        const bool goes_on =
            request.goes_on(request.receiver_.body(std::as_bytes(std::span(data, size * count))));
        return goes_on ? size * count : CURL_WRITEFUNC_ERROR;
      });
  set(CURLOPT_XFERINFODATA, this);
  set(
      CURLOPT_XFERINFOFUNCTION, +[](void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> int {
        auto& request = *static_cast<CurlRequest*>(self);
        return request.goes_on(request.receiver_.wait()) ? 0 : 1;
      });
  const CURLcode code = curl_easy_perform(curl_.get());
  if (code == CURLE_OK || is_stopped_) return {};
  constexpr std::array kHopeless{CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,
                                 CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE};
  const bool is_hopeless = std::find(kHopeless.begin(), kHopeless.end(), code) != kHopeless.end();
  return {is_hopeless ? TransferEnd::kHopeless : TransferEnd::kBroken, curl_easy_strerror(code)};
}

}  // namespace

CurlTransport::CurlTransport(std::filesystem::path certificates) : certificates_(std::move(certificates)) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw Error(ErrorCode::kInternal, "libcurl does not start.");
  if (!certificates_.empty()) InputFile{certificates_};
}

Transfer CurlTransport::run(const HttpRequest& request, HttpReceiver& receiver) {
  return CurlRequest(request, receiver).run(certificates_);
}

}  // namespace relievo

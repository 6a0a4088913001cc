#include "downloads/http.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <exception>
#include <filesystem>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string_view>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo {
namespace {

constexpr long kConnectSeconds = 20;
constexpr long kStallSeconds = 30;  // nothing has come for so long: taken for broken
constexpr long kMaxRedirects = 8;

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string trimmed(std::string_view text, const char* what = " \t\r\n") {
  const size_t first = text.find_first_not_of(what);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(what) - first + 1));
}

/// "bytes 100-199/200"
struct ContentRange {
  std::optional<uint64_t> first, total;
};

ContentRange content_range(std::string_view text) {
  ContentRange range;
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return range;
  text.remove_prefix(kUnit.size());
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash != std::string_view::npos) range.first = number(text.substr(0, dash));
  if (slash != std::string_view::npos) range.total = number(text.substr(slash + 1));
  return range;
}

class Request {
 public:
  Request(const std::string& url, PartFile& part, std::optional<uint64_t> limit, const CancelToken& cancel,
          const std::function<void(uint64_t, uint64_t)>& listener)
      : url_(url),
        part_(part),
        limit_(limit),
        cancel_(cancel),
        listener_(listener),
        curl_(curl_easy_init(), curl_easy_cleanup) {
    if (!curl_) throw std::bad_alloc();
  }

  HttpReply run(bool may_resume);

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(curl_.get(), option, value);
  }

  long status() const {
    long code = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  void header(std::string_view line);
  bool begin_body();
  bool body(std::span<const std::byte> bytes);
  HttpReply judge(CURLcode code);

  const std::string& url_;
  PartFile& part_;
  std::optional<uint64_t> limit_;
  const CancelToken& cancel_;
  const std::function<void(uint64_t, uint64_t)>& listener_;
  std::unique_ptr<CURL, void (*)(CURL*)> curl_;
  std::map<std::string, std::string, std::less<>> headers_;  // of the last reply, names in lower case
  std::optional<std::string> sha256_;
  uint64_t asked_from_ = 0;
  bool has_begun_ = false;
  std::string refusal_;
  std::exception_ptr error_;  // of a callback
};

void Request::header(std::string_view line) {
  if (line.starts_with("HTTP/")) {
    headers_.clear();
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  headers_[name] = trimmed(line.substr(colon + 1));
  // Of the reply that redirects: the tag of a file in Git LFS is its digest.
  if (name == "x-linked-etag") {
    const std::string digest = trimmed(headers_[name], "\"");
    if (digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos)
      sha256_ = digest;
  }
}

/// Before the first byte of the file itself: do these bytes follow those that are there?
bool Request::begin_body() {
  has_begun_ = true;
  if (status() == 206) {
    const auto range = headers_.find("content-range");
    const auto first = range == headers_.end() ? std::nullopt : content_range(range->second).first;
    if (first != asked_from_) {
      refusal_ = "the server sends another part than was asked for";
      return false;
    }
  } else {
    part_.clear();
  }
  // A weak tag says nothing about single bytes.
  const auto tag = headers_.find("etag"), date = headers_.find("last-modified");
  std::string validator;
  if (tag != headers_.end() && tag->second.starts_with('"')) {
    validator = tag->second;
  } else if (date != headers_.end()) {
    validator = date->second;
  }
  part_.note(url_, validator);
  return true;
}

bool Request::body(std::span<const std::byte> bytes) {
  if (const long code = status(); code != 200 && code != 206) return true;  // the page that explains an error
  try {
    if (!has_begun_ && !begin_body()) return false;
    if (limit_ && part_.bytes() + bytes.size() > *limit_) {
      refusal_ = "the server sends more than the file's size";
      return false;
    }
    part_.append(bytes);
    return true;
  } catch (...) {
    error_ = std::current_exception();
    return false;
  }
}

HttpReply Request::judge(CURLcode code) {
  HttpReply reply;
  reply.sha256 = sha256_;
  const long answer = status();
  if (const auto range = headers_.find("content-range"); range != headers_.end())
    reply.total = content_range(range->second).total;
  if (const auto length = headers_.find("content-length"); answer == 200 && length != headers_.end())
    reply.total = number(length->second);
  if (!refusal_.empty()) {
    reply.reason = refusal_;
  } else if (answer == 416) {
    // Nothing lies behind what is there: that is all of it, or it is of another file.
    if (reply.total == part_.bytes()) {
      reply.outcome = HttpOutcome::kComplete;
    } else {
      part_.clear();
      reply.outcome = HttpOutcome::kBroken;
      reply.reason = "the file on the server has changed";
    }
  } else if (answer >= 400) {
    reply.outcome =
        answer == 408 || answer == 429 || answer >= 500 ? HttpOutcome::kBroken : HttpOutcome::kRefused;
    reply.reason = fmt::format("the server answers {}", answer);
  } else if (code == CURLE_OK && (answer == 200 || answer == 206)) {
    reply.outcome = HttpOutcome::kComplete;
  } else if (code == CURLE_OK) {
    reply.reason = fmt::format("the server answers {}", answer);
  } else {
    constexpr std::array kHopeless{CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_TOO_MANY_REDIRECTS,
                                   CURLE_PEER_FAILED_VERIFICATION};
    const bool is_hopeless = std::find(kHopeless.begin(), kHopeless.end(), code) != kHopeless.end();
    reply.outcome = is_hopeless ? HttpOutcome::kRefused : HttpOutcome::kBroken;
    reply.reason = curl_easy_strerror(code);
  }
  return reply;
}

HttpReply Request::run(bool may_resume) {
  const std::string validator = part_.validator(url_);
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> lines(nullptr, curl_slist_free_all);
  const auto add_line = [&](const std::string& line) {
    lines.reset(curl_slist_append(lines.release(), line.c_str()));
  };
  if (part_.bytes() > 0 && (may_resume || !validator.empty())) {
    asked_from_ = part_.bytes();
    add_line(fmt::format("Range: bytes={}-", asked_from_));
    // Without it a server that has another version by now would append that one's end.
    if (!validator.empty()) add_line("If-Range: " + validator);
  }
  add_line("Accept-Encoding: identity");

  const bool is_secure = url_.starts_with("https://");
  set(CURLOPT_URL, url_.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, kMaxRedirects);
  set(CURLOPT_HTTPHEADER, lines.get());
  set(CURLOPT_USERAGENT, "relievo/" RELIEVO_VERSION);
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, kStallSeconds);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_HEADERDATA, this);
  set(
      CURLOPT_HEADERFUNCTION, +[](char* data, size_t size, size_t count, void* self) -> size_t {
        static_cast<Request*>(self)->header({data, size * count});
        return size * count;
      });
  set(CURLOPT_WRITEDATA, this);
  set(
      CURLOPT_WRITEFUNCTION, +[](char* data, size_t size, size_t count, void* self) -> size_t {
        const bool goes_on = static_cast<Request*>(self)->body(std::as_bytes(std::span(data, size * count)));
        return goes_on ? size * count : CURL_WRITEFUNC_ERROR;
      });
  set(CURLOPT_XFERINFODATA, this);
  set(
      CURLOPT_XFERINFOFUNCTION,
      +[](void* self, curl_off_t announced, curl_off_t, curl_off_t, curl_off_t) -> int {
        auto& request = *static_cast<Request*>(self);
        if (request.listener_ && request.has_begun_) {
          const uint64_t rest = static_cast<uint64_t>(std::max<curl_off_t>(announced, 0));
          const uint64_t before = request.status() == 206 ? request.asked_from_ : 0;
          request.listener_(request.part_.bytes(), request.limit_.value_or(rest > 0 ? before + rest : 0));
        }
        return request.cancel_.cancelled() ? 1 : 0;
      });
  const CURLcode code = curl_easy_perform(curl_.get());
  cancel_.check();
  if (error_) std::rethrow_exception(error_);
  return judge(code);
}

}  // namespace

HttpReply request_rest(const std::string& url, PartFile& part, bool may_resume, std::optional<uint64_t> limit,
                       const CancelToken& cancel, const std::function<void(uint64_t, uint64_t)>& listener) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw Error(ErrorCode::kInternal, "libcurl does not start.");
  return Request(url, part, limit, cancel, listener).run(may_resume);
}

}  // namespace relievo

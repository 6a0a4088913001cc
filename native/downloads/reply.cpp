#include "downloads/reply.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "downloads/web_address.h"

namespace relievo {
namespace {

std::string trimmed(std::string_view text, const char* what = " \t\r\n") {
  const size_t first = text.find_first_not_of(what);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(what) - first + 1));
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string Reply::header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : trimmed(found->second);
}

bool Reply::is_redirect() const {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool Reply::is_busy() const { return status == 408 || status == 425 || status == 429 || status >= 500; }

std::optional<uint64_t> Reply::length() const { return number(header("content-length")); }

std::optional<ContentRange> Reply::range() const {
  std::string text = lower(header("content-range"));
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.erase(0, kUnit.size());
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  ContentRange range;
  range.total = number(trimmed(text.substr(slash + 1)));
  const std::string bounds = trimmed(text.substr(0, slash));
  const size_t dash = bounds.find('-');
  if (dash != std::string::npos) {
    range.first = number(bounds.substr(0, dash));
    range.last = number(bounds.substr(dash + 1));
  }
  return range;
}

std::string Reply::validator() const {
  const std::string tag = header("etag");
  return tag.starts_with('"') ? tag : header("last-modified");
}

std::optional<std::string> Reply::linked_sha256() const {
  const std::string digest = trimmed(header("x-linked-etag"), "\"");
  const bool is_digest =
      digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_digest ? std::optional(digest) : std::nullopt;
}

std::optional<uint64_t> Reply::linked_size() const { return number(header("x-linked-size")); }

std::string Reply::why_not_the_revision(std::string_view address) const {
  const std::string wanted = pinned_revision(address), sent = lower(header("x-repo-commit"));
  if (wanted.empty() || sent.empty() || sent == wanted) return {};
  return fmt::format("the server sends the revision '{}' instead of '{}'", sent, wanted);
}

std::string Reply::why_not_the_file() const {
  const std::string coding = lower(header("content-encoding")), transfer = lower(header("transfer-encoding")),
                    type = lower(header("content-type"));
  if (!coding.empty() && coding != "identity")
    return fmt::format("the server sends it coded ('{}'), which was not asked for", coding);
  if (!transfer.empty() && transfer != "chunked" && transfer != "identity")
    return fmt::format("the server sends it coded ('{}'), which was not asked for", transfer);
  if (type.starts_with("text/html") || type.starts_with("application/xhtml"))
    return "the server sends a web page instead of the file, perhaps to log in";
  if (type.starts_with("multipart/")) return "the server sends several parts at once";
  return {};
}

}  // namespace relievo

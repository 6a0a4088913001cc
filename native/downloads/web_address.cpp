#include "downloads/web_address.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

namespace relievo {
namespace {

bool begins_with(std::string_view text, std::string_view scheme) {
  return text.size() > scheme.size() &&
         std::equal(scheme.begin(), scheme.end(), text.begin(),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

/// Returns whether the text begins with a scheme: "https:" is one, "files/a:b" is a path.
bool has_scheme(std::string_view location) {
  const size_t colon = location.find(':');
  return colon != std::string_view::npos && colon > 0 && location.find_first_of("/?#") > colon;
}

/// Percent-encodes the bytes that may not stand in an address, as browsers do.
std::string encoded(std::string_view text) {
  std::string result;
  for (const unsigned char c : text) {
    const bool is_plain = c > 0x20 && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\\';
    result += is_plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  }
  return result;
}

}  // namespace

bool is_web_address(std::string_view source) {
  return begins_with(source, "http://") || is_secure_address(source);
}

bool is_secure_address(std::string_view source) { return begins_with(source, "https://"); }

std::string path_of_address(std::string_view address) {
  const size_t host = address.find("://") + 3;
  const size_t end = std::min(address.find_first_of("?#", host), address.size());
  const size_t slash = address.find('/', host);
  return slash >= end ? "/" : std::string(address.substr(slash, end - slash));
}

std::string pinned_revision(std::string_view address) {
  constexpr std::string_view kBefore = "/resolve/";
  constexpr size_t kDigits = 40;
  const size_t before = address.find(kBefore);
  if (before == std::string_view::npos) return {};
  const std::string_view rest = address.substr(before + kBefore.size());
  const std::string_view revision = rest.substr(0, rest.find('/'));
  const bool is_one =
      revision.size() == kDigits && revision.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_one ? std::string(revision) : std::string();
}

std::optional<std::string> redirected(std::string_view address, std::string_view location) {
  const std::string target = encoded(location.substr(0, location.find('#')));
  if (target.empty()) return std::nullopt;
  const size_t host = address.find("://") + 3;
  const std::string_view scheme = address.substr(0, host - 2);  // the scheme with its colon
  const std::string_view origin = address.substr(0, address.find_first_of("/?#", host));
  std::string result;
  if (has_scheme(target)) {
    result = target;
  } else if (target.starts_with("//")) {
    result = std::string(scheme) + target;
  } else if (target.starts_with('/')) {
    result = std::string(origin) + target;
  } else {
    const std::string path = path_of_address(address);
    result =
        std::string(origin) + (target.starts_with('?') ? path : path.substr(0, path.rfind('/') + 1)) + target;
  }
  return is_web_address(result) ? std::optional(result) : std::nullopt;
}

}  // namespace relievo

// Addresses of files on the web.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace relievo {

bool is_web_address(std::string_view source);     ///< http:// or https://, in either case
bool is_secure_address(std::string_view source);  ///< https://

/// The part that follows the host, without query and fragment: "/TencentARC/InstantMesh/resolve/main/x.ckpt".
std::string path_of_address(std::string_view address);

/// The revision that an address of huggingface.co's kind is pinned to: 40 hexadecimal digits behind
/// /resolve/; empty where it is a branch's name, and for other addresses.
std::string pinned_revision(std::string_view address);

/// The address to which a reply of `address` with this Location leads (RFC 3986, section 5.2, as far as web
/// servers use it). Empty where that is no web address; dot segments are left to the server.
std::optional<std::string> redirected(std::string_view address, std::string_view location);

}  // namespace relievo

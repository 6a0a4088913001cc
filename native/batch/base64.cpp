#include "batch/base64.h"

#include <string_view>

namespace relievo {

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](size_t k) { return k < bytes.size() ? std::to_integer<unsigned>(bytes[k]) : 0U; };
    const unsigned three = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    for (size_t digit = 0; digit < 4; ++digit)
      text += i + digit > bytes.size() ? '=' : kDigits[(three >> (18 - 6 * digit)) & 63];
  }
  return text;
}

}  // namespace relievo

#include "engine/clean_name.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <utf8proc.h>

namespace relievo {
namespace {

bool is_blank(utf8proc_int32_t code) { return utf8proc_category(code) == UTF8PROC_CATEGORY_ZS; }

bool is_refused(utf8proc_int32_t code) {
  const utf8proc_category_t category = utf8proc_category(code);
  constexpr std::string_view kRefused = R"(\/:*?"<>|)";
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP ||
         (code < 0x80 && kRefused.find(static_cast<char>(code)) != std::string_view::npos);
}

void append(std::u32string& text, utf8proc_int32_t code) { text.push_back(static_cast<char32_t>(code)); }

/// Decodes a name; a character that cannot be decoded or written becomes an underscore.
std::u32string decoded(const std::string& name) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(name.data());
  const auto size = static_cast<utf8proc_ssize_t>(name.size());
  std::u32string text;
  for (utf8proc_ssize_t at = 0; at < size;) {
    utf8proc_int32_t code = -1;
    const utf8proc_ssize_t read = utf8proc_iterate(bytes + at, size - at, &code);
    append(text, read <= 0 || is_refused(code) ? '_' : code);
    at += std::max<utf8proc_ssize_t>(read, 1);
  }
  return text;
}

std::string encoded(std::u32string_view text, size_t longest) {
  std::string name;
  for (const char32_t code : text) {
    std::array<utf8proc_uint8_t, 4> bytes{};
    const auto size =
        static_cast<size_t>(utf8proc_encode_char(static_cast<utf8proc_int32_t>(code), bytes.data()));
    if (name.size() + size > longest) break;
    name.append(reinterpret_cast<const char*>(bytes.data()), size);
  }
  return name;
}

bool is_edge(char32_t code) { return code == U'.' || is_blank(static_cast<utf8proc_int32_t>(code)); }

std::u32string_view trimmed(std::u32string_view text) {
  while (!text.empty() && is_edge(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_edge(text.back())) text.remove_suffix(1);
  return text;
}

/// Windows keeps these names for devices, with any ending (Microsoft, "Naming Files, Paths, and Namespaces").
bool is_device(std::u32string_view base) {
  static constexpr std::array<std::u32string_view, 6> kDevices{U"CON", U"PRN",    U"AUX",
                                                               U"NUL", U"CONIN$", U"CONOUT$"};
  std::u32string upper(base);
  for (char32_t& code : upper) {
    code = static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(code)));
  }
  if (std::find(kDevices.begin(), kDevices.end(), upper) != kDevices.end()) return true;
  constexpr std::u32string_view kDigits = U"0123456789\u00b9\u00b2\u00b3";
  return upper.size() == 4 && (upper.starts_with(U"COM") || upper.starts_with(U"LPT")) &&
         kDigits.find(upper.back()) != std::u32string_view::npos;
}

}  // namespace

std::string clean_name(const std::string& name, size_t longest) {
  std::u32string text(trimmed(decoded(name)));
  const size_t base_end = std::min(text.find(U'.'), text.size());
  const std::u32string_view base = trimmed(std::u32string_view(text).substr(0, base_end));
  if (is_device(base)) text.insert(base.size(), 1, U'_');
  std::string cleaned = encoded(text, longest);
  if (cleaned.size() == longest) cleaned = encoded(trimmed(decoded(cleaned)), longest);
  return cleaned.empty() ? "picture" : cleaned;
}

std::string folded_name(const std::string& name) {
  utf8proc_uint8_t* folded = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(name.data()), static_cast<utf8proc_ssize_t>(name.size()),
      &folded, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(folded, std::free);
  if (size < 0)
    return name;  // it is not valid UTF-8, so the name of somebody else's file, and is compared as it is
  return {reinterpret_cast<const char*>(folded), static_cast<size_t>(size)};
}

}  // namespace relievo

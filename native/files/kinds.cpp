#include "files/kinds.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

namespace relievo::files {
namespace {

using namespace std::string_view_literals;

std::string_view text_of(std::span<const std::byte> start) {
  return std::string_view(reinterpret_cast<const char*>(start.data()), start.size())
      .substr(0, kSignatureBytes);
}

/// The brands of a file of boxes (ISO 14496-12), "heic mif1 ..." with the main one first; empty for any other
/// file.
std::string_view brands_of(std::string_view start) {
  if (start.size() < 12 || start.substr(4, 4) != "ftyp") return {};
  size_t size = 0;
  for (const char c : start.substr(0, 4)) size = size << 8 | static_cast<unsigned char>(c);
  return start.substr(8, std::max<size_t>(std::min(size, start.size()), 12) - 8);
}

bool has_brand(std::string_view brands, std::string_view brand) {
  for (size_t at = 0; at + 4 <= brands.size(); at += 4) {
    if (at != 4 && brands.substr(at, 4) == brand) return true;  // the second word is a version
  }
  return false;
}

bool is_heif(std::string_view start) {
  const std::string_view brands = brands_of(start);
  if (brands.empty() || brands.starts_with("crx ")) return false;  // a camera's raw file
  constexpr std::array kBrands{"heic"sv, "heix"sv, "heim"sv, "heis"sv, "hevc"sv, "hevx"sv,
                               "avif"sv, "avis"sv, "mif1"sv, "mif2"sv, "msf1"sv};
  return std::ranges::any_of(kBrands, [&](std::string_view brand) { return has_brand(brands, brand); });
}

/// Returns whether it is a raw file that begins as a TIFF file; the reader of TIFF recognises the others.
bool is_raw_tiff(std::string_view start) { return start.size() > 10 && start.substr(8, 2) == "CR"; }

struct Signature {
  size_t offset;
  std::string_view bytes;
  const char* description;
};

constexpr const char* kRaw = "a camera's raw file, which has to be developed first";
constexpr const char* kVideo = "a video";
constexpr const char* kTarga = "a Targa picture (TGA)";

constexpr Signature kSignatures[] = {
    {0, "8BPS"sv, "a Photoshop document (PSD)"},
    {0, "gimp xcf"sv, "a GIMP document (XCF)"},
    {0, "%PDF"sv, "a PDF document"},
    {0, "%!PS"sv, "a PostScript document"},
    {0, "\xc5\xd0\xd3\xc6"sv, "a PostScript document (EPS)"},
    {0, "\0\0\0\x0cjP  "sv, "a JPEG 2000 picture"},
    {0, "\xff\x4f\xff\x51"sv, "a JPEG 2000 picture"},
    {0, "\0\0\0\x0cJXL "sv, "a JPEG XL picture"},
    {0, "\xff\x0a"sv, "a JPEG XL picture"},
    {0, "II\xbc\x01"sv, "a JPEG XR picture"},
    {0, "DDS "sv, "a texture (DDS)"},
    {0, "\xabKTX "sv, "a texture (KTX)"},
    {0, "#?RADIANCE"sv, "a Radiance picture (HDR)"},
    {0, "#?RGBE"sv, "a Radiance picture (HDR)"},
    {0, "qoif"sv, "a QOI picture"},
    {0, "BPG\xfb"sv, "a BPG picture"},
    {0, "FLIF"sv, "a FLIF picture"},
    {0, "\x8aMNG"sv, "an animation (MNG)"},
    {0, "SIMPLE  ="sv, "an astronomical picture (FITS)"},
    {0, "\0\0\1\0"sv, "an icon (ICO)"},
    {0, "\0\0\2\0\0\0"sv, kTarga},
    {0, "\0\0\3\0\0\0"sv, kTarga},
    {0, "\0\0\x0a\0\0\0"sv, kTarga},
    {0, "\0\0\x0b\0\0\0"sv, kTarga},
    {0, "\0\1\1\0\0"sv, kTarga},
    {0, "\0\1\x09\0\0"sv, kTarga},
    {0, "\0\0\2\0"sv, "a cursor (CUR)"},
    {0, "\x0a\5\1"sv, "a PCX picture"},
    {0, "icns"sv, "an icon (ICNS)"},
    {0, "\xd7\xcd\xc6\x9a"sv, "a drawing (WMF)"},
    {40, " EMF"sv, "a drawing (EMF)"},
    {0, "AC10"sv, "a drawing (DWG)"},
    {0, "FUJIFILMCCD-RAW"sv, kRaw},
    {0, "IIRO"sv, kRaw},
    {0, "IIRS"sv, kRaw},
    {0, "IIU\0"sv, kRaw},
    {0, "FOVb"sv, kRaw},
    {0, "\0MRM"sv, kRaw},
    {0, "BLENDER"sv, "a Blender file"},
    {0, "glTF"sv, "a 3D model (GLB)"},
    {0, "Kaydara FBX"sv, "a 3D model (FBX)"},
    {0, "ply\n"sv, "a 3D model (PLY)"},
    {0, "ply\r"sv, "a 3D model (PLY)"},
    {0, "PK\3\4"sv, "an archive or document in a zip file"},
    {0, "PK\5\6"sv, "an archive or document in a zip file"},
    {0, "Rar!"sv, "an archive (RAR)"},
    {0, "7z\xbc\xaf"sv, "an archive (7z)"},
    {0, "\x1f\x8b"sv, "a compressed file (gzip)"},
    {0, "BZh"sv, "a compressed file (bzip2)"},
    {0,
     "\xfd"
     "7zXZ"sv,
     "a compressed file (xz)"},
    {0, "\x28\xb5\x2f\xfd"sv, "a compressed file (Zstandard)"},
    {257, "ustar"sv, "an archive (tar)"},
    {0, "\xd0\xcf\x11\xe0"sv, "a document of an old office program"},
    {0, "{\\rtf"sv, "a text document (RTF)"},
    {0, "\x1a\x45\xdf\xa3"sv, kVideo},
    {0, "\0\0\1\xba"sv, kVideo},
    {0, "\0\0\1\xb3"sv, kVideo},
    {0, "FLV\1"sv, kVideo},
    {0, "0&\xb2u\x8e\x66\xcf\x11"sv, kVideo},
    {4, "moov"sv, kVideo},
    {4, "mdat"sv, kVideo},
    {0, "OggS"sv, "a sound or video file (Ogg)"},
    {0, "ID3"sv, "a sound file"},
    {0, "fLaC"sv, "a sound file"},
    {0, "\0\5\x16\7"sv, "a hidden companion file of macOS (AppleDouble), not the picture itself"},
    {0, "\0\5\x16\0"sv, "a hidden companion file of macOS (AppleSingle)"},
    {0, "MZ"sv, "a program"},
    {0,
     "\x7f"
     "ELF"sv,
     "a program"},
    {0, "\x93NUMPY"sv, "an array of NumPy's"},
    {0, "SQLite format 3"sv, "a database (SQLite)"},
    {0, "version https://git-lfs"sv, "a placeholder of Git LFS; the picture itself was not fetched"},
    {0, "wOFF"sv, "a font"},
    {0, "wOF2"sv, "a font"},
    {0, "OTTO"sv, "a font"},
    {0, "L\0\0\0\1\x14\2\0"sv, "a shortcut of Windows"},
    {0, "[InternetShortcut]"sv, "a link to a web page"},
};

std::string description_of_riff(std::string_view start) {
  const std::string_view form = start.substr(8, 4);
  if (form == "AVI ") return kVideo;
  if (form == "WAVE") return "a sound file";
  return {};
}

std::string description_of_boxes(std::string_view brands) {
  if (brands.empty()) return {};
  if (brands.starts_with("crx ")) return kRaw;
  if (brands.starts_with("jxl ")) return "a JPEG XL picture";
  if (brands.starts_with("M4A ")) return "a sound file";
  return kVideo;
}

/// Returns whether it is UTF-8 without control characters; its end may be cut off.
bool is_text(std::string_view start) {
  int following = 0;
  for (const char c : start) {
    const auto byte = static_cast<unsigned char>(c);
    const bool follows = (byte & 0xc0) == 0x80;
    if (follows != (following > 0)) return false;
    if (follows) {
      --following;
    } else if (byte >= 0x80) {
      following = byte >= 0xf8 || byte < 0xc2 ? -1 : byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
      if (following < 0) return false;
    } else if (byte == 0x7f || (byte < 0x20 && c != 0x1b && (c < '\t' || c > '\r'))) {
      return false;
    }
  }
  return true;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Describes a file that is all text.
std::string description_of_text(std::string_view start) {
  if (start.starts_with("\xef\xbb\xbf")) start.remove_prefix(3);
  while (!start.empty() && is_space(start.front())) start.remove_prefix(1);
  std::string low(start);
  std::ranges::transform(low, low.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool is_netpbm =
      low.size() > 2 && low[0] == 'p' && low[1] >= '1' && low[1] <= '7' && is_space(low[2]);
  if (is_netpbm || low.starts_with("pf\n")) return "a Netpbm picture (PNM, PAM or PFM)";
  if (low.starts_with("<!doctype html") || low.starts_with("<html") ||
      low.find("<html") != std::string::npos || low.find("<body") != std::string::npos) {
    return "a web page (HTML)";
  }
  if (low.find("<svg") != std::string::npos) return "a drawing (SVG)";
  if (!is_text(low)) return {};
  if (low.starts_with("<?xml") || low.starts_with("<")) return "an XML document";
  if (low.starts_with("{") || low.starts_with("[")) return "a JSON document";
  return "a text file";
}

}  // namespace

const Format* format_of(std::span<const std::byte> bytes) {
  static constexpr Format kPng{"PNG", read_png}, kJpeg{"JPEG", read_jpeg}, kWebp{"WebP", read_webp},
      kExr{"OpenEXR", read_exr}, kTiff{"TIFF", read_tiff}, kGif{"GIF", read_gif}, kBmp{"BMP", read_bmp},
      kHeif{"HEIF", read_heif};
  const std::string_view start = text_of(bytes);
  if (start.starts_with("\x89PNG\r\n\x1a\n")) return &kPng;
  if (start.starts_with("\xff\xd8\xff")) return &kJpeg;
  if (start.starts_with("RIFF") && start.size() >= 12 && start.substr(8, 4) == "WEBP") return &kWebp;
  if (start.starts_with("\x76\x2f\x31\x01")) return &kExr;
  const bool is_tiff = start.starts_with("II*\0"sv) || start.starts_with("MM\0*"sv) ||
                       start.starts_with("II+\0"sv) || start.starts_with("MM\0+"sv);
  if (is_tiff && !is_raw_tiff(start)) return &kTiff;
  if (start.starts_with("GIF87a") || start.starts_with("GIF89a")) return &kGif;
  // The size of the header is checked, so that not every text that begins with BM counts as one.
  if (start.starts_with("BM") && (start.size() < 18 || start.substr(15, 3) == "\0\0\0"sv)) return &kBmp;
  if (is_heif(start)) return &kHeif;
  return nullptr;
}

std::string description_of(std::span<const std::byte> bytes) {
  const std::string_view start = text_of(bytes);
  if (is_raw_tiff(start)) return kRaw;
  for (const Signature& signature : kSignatures) {
    if (start.size() > signature.offset && start.substr(signature.offset).starts_with(signature.bytes)) {
      return signature.description;
    }
  }
  if (start.starts_with("RIFF") && start.size() >= 12) return description_of_riff(start);
  if (std::string boxes = description_of_boxes(brands_of(start)); !boxes.empty()) return boxes;
  if (!start.empty() && std::ranges::all_of(start, [](char c) { return c == '\0'; })) {
    return "a file of zeros, as a download or copy that was cut off leaves it";
  }
  return description_of_text(start);
}

}  // namespace relievo::files

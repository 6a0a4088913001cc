// From the catalogue's addresses, mirrors or a folder to a model's files, each checked before it gets its
// final name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/control.h"
#include "weights/catalogue.h"

namespace relievo {

/// One file that is wanted, and where it may come from.
struct Download {
  std::vector<std::string> sources;   ///< tried in turn: http(s):// addresses, file:// addresses, paths
  std::filesystem::path destination;  ///< its folder is made
  std::optional<uint64_t> bytes;      ///< what it must be, where that is known
  std::optional<std::string> sha256;
};

/// Bytes that are there, of how many; 0: not known.
using BytesListener = std::function<void(uint64_t done, uint64_t total)>;

/// Fetches one file. Bytes go to DESTINATION.part; what is there already, from a try that was broken off or
/// killed, is resumed if the server says that the file is still the same (If-Range) or the digest is known. A
/// connection that breaks is taken up again, a server that is busy (408, 429, 5xx) asked again after a while;
/// anything else that goes wrong leads to the next source. Size and SHA-256 are checked, also against the
/// digest that huggingface.co sends along, before the file gets its name; a file with wrong content is
/// deleted. Throws Error{kIo} (network, disk full, no such file, another process fetches it),
/// Error{kModelCorrupt} (wrong content), Error{kCancelled}; the .part stays for the next try unless its
/// content is wrong.
FileRecord fetch_file(const Download& download, const Control& control = {},
                      const BytesListener& listener = {});

/// The sources of a model's file, in order: those `given` (--from), those of $RELIEVO_MODEL_MIRRORS
/// (separated by white space), the catalogue's address. A given web address stands for the host of the
/// catalogue's one, as mirrors of huggingface.co do; a given folder may hold NAME/PATH, PATH or the file
/// alone.
std::vector<std::string> sources_of(const CatalogueModel& model, const CatalogueFile& file,
                                    const std::vector<std::string>& given);

}  // namespace relievo

// Fetches a file from the catalogue's addresses, mirrors or a folder, and checks it before it gets its final
// name.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/control.h"
#include "downloads/records.h"
#include "downloads/transport.h"
#include "weights/catalogue.h"

namespace relievo {

/// The kind that a file claims to be, and is read as before it gets its name.
enum class FileKind { kAny, kWeights, kJson };

/// The kind that its name tells: .json, weights, or anything.
FileKind kind_of(const std::filesystem::path& name);

/// One file that is wanted, and where it may come from.
struct Download {
  std::vector<std::string> sources;    ///< tried in turn: http(s):// addresses, file:// addresses, paths
  std::filesystem::path destination;   ///< its folder is made
  std::optional<uint64_t> bytes = {};  ///< what it must be, where that is known
  std::optional<std::string> sha256 = {};
  /// The digest is not the publisher's: the file was seen before, and had it then.
  bool is_sha256_remembered = false;
  FileKind kind = FileKind::kAny;
};

enum class FetchPhase { kFetching, kChecking };

/// Bytes that are there or checked, of how many; 0: not known.
using FetchListener = std::function<void(FetchPhase phase, uint64_t done, uint64_t total)>;

/// How long a server may send next to nothing.
inline constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

/// How a download is made and watched.
struct FetchContext {
  Transport& transport;
  Control control = {};
  FetchListener listener = {};
  std::chrono::milliseconds patience = kPatience;
};

/// Fetches one file. Bytes go to DESTINATION.part; what is there already, from a try that was broken off or
/// killed, is resumed if the server says that the file is still the same (If-Range) or the digest is known. A
/// connection that breaks is taken up again, a server that is busy (408, 429, 5xx) asked again after a while;
/// anything else that goes wrong leads to the next source. Size and SHA-256 are checked, also against the
/// digest that huggingface.co sends along; without a published digest the file is read as its kind. A file
/// with wrong content is deleted. Throws Error{kIo} (network, disk full, no such file, another process
/// fetches it), Error{kModelCorrupt} (wrong content of a model; of
/// another kind of file Error{kIo}), Error{kCancelled}; the .part stays for the next try
/// unless its content is wrong.
FileRecord fetch_file(const Download& download, const FetchContext& context);

/// How large a file is as the first of its sources says that knows; nothing is fetched.
std::optional<uint64_t> size_of_file(const std::vector<std::string>& sources, const FetchContext& context);

/// The sources of a model's file, in order: those `given` (--from, the preferences), those of
/// $RELIEVO_MODEL_MIRRORS (separated by white space), the catalogue's address. A given web address stands for
/// the host of the catalogue's one, as mirrors of huggingface.co do; a given folder may hold NAME/PATH, PATH
/// or the file alone.
std::vector<std::string> sources_of(const CatalogueModel& model, const CatalogueFile& file,
                                    const std::vector<std::string>& given);

}  // namespace relievo

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

/// The kind that a file claims to be. It is read as such before it gets its name.
enum class FileKind { kAny, kWeights, kJson };

/// The kind that a name tells: .json, weights, or anything.
FileKind kind_of(const std::filesystem::path& name);

/// One file that is wanted, and the places that it may come from.
struct Download {
  /// Tried one after the other: http(s):// addresses, file:// addresses, paths.
  std::vector<std::string> sources;
  std::filesystem::path destination;  ///< its folder is made
  /// The size that it must have, where that is known.
  std::optional<uint64_t> bytes = {};
  std::optional<std::string> sha256 = {};
  /// The origin of the digest. A voucher other than the catalogue was recorded when the file came before.
  Voucher voucher = Voucher::kCatalogue;
  FileKind kind = FileKind::kAny;
};

enum class FetchPhase { kFetching, kChecking };

/// Is told how many bytes are there or checked, and of how many; 0 where that is not known.
using FetchListener = std::function<void(FetchPhase phase, uint64_t done, uint64_t total)>;

/// A server that sends next to nothing for this long is given up.
inline constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

/// Everything that a download needs to be made and watched.
struct FetchContext {
  Transport& transport;
  Control control = {};
  FetchListener listener = {};
  std::chrono::milliseconds patience = kPatience;
};

/// Fetches one file. Bytes go to DESTINATION.part; one that is there already, from a download that was broken
/// off or killed, is resumed if the server says that the file is still the same (If-Range) or the digest is
/// known. A connection that breaks is taken up again, a server that is busy (408, 429, 5xx) is asked again
/// after a while; after any other failure the next source is tried. Size and SHA-256 are checked, also
/// against the digest that huggingface.co sends along; without a published digest the file is read as its
/// kind. A file with wrong content is deleted. Throws Error{kIo} (network, disk full, no such file, another
/// process fetches it), Error{kModelCorrupt} (wrong content of a model; of another kind of file Error{kIo}),
/// Error{kCancelled}; the .part stays for the next try unless its content is wrong.
FileRecord fetch_file(const Download& download, const FetchContext& context);

/// The size of a file as the first of its sources tells that knows it; nothing is fetched.
std::optional<uint64_t> size_of_file(const std::vector<std::string>& sources, const FetchContext& context);

/// The sources of a model's file, in order: those `given` (--from, the preferences), those of
/// $RELIEVO_MODEL_MIRRORS (separated by white space), the catalogue's address. A given web address replaces
/// the host of the catalogue's one, as mirrors of huggingface.co do; a given folder may hold NAME/PATH, PATH
/// or the file alone.
std::vector<std::string> sources_of(const CatalogueModel& model, const CatalogueFile& file,
                                    const std::vector<std::string>& given);

}  // namespace relievo

// Records size, checksum and source of the files that were fetched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace relievo {

/// The authority that says a digest is the right one.
enum class Voucher {
  /// Nobody: it is the digest of the file that came, kept to compare with.
  kNobody,
  kServer,    ///< the server that gave the file
  kCatalogue  ///< the catalogue that comes with the program
};
std::string_view voucher_name(Voucher voucher);  ///< nobody, server or catalogue

struct FileRecord {
  uint64_t bytes = 0;
  std::string sha256;
  std::string source;  ///< address or path
  Voucher voucher = Voucher::kNobody;
};

/// The records of a model's folder, by path; empty where there are none.
std::map<std::string, FileRecord> read_records(const std::filesystem::path& model_folder);

/// Adds a record to those of the model's folder, which other processes may change too. Throws Error{kIo}.
void note_record(const std::filesystem::path& model_folder, const std::string& path,
                 const FileRecord& record);

/// The record of the file that came for this address of the catalogue before, from any source. The checksum
/// of a file whose publisher tells none is kept once it was seen, even when the model is removed, and
/// compared when the file is fetched again.
std::optional<FileRecord> remembered_checksum(const std::string& url);
void remember_checksum(const std::string& url, const FileRecord& record);

/// The file in the models' folder that keeps these records. A person may delete it.
std::filesystem::path remembered_checksums_file();

}  // namespace relievo

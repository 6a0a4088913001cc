#include "downloads/records.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/atomic_file.h"
#include "base/file_lock.h"
#include "base/json.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array<std::string_view, 3> kVouchers{"nobody", "server", "catalogue"};

std::optional<FileRecord> record_from(const json& entry) {
  if (!entry.is_object()) return std::nullopt;
  const json bytes = entry.value("bytes", json()), sha256 = entry.value("sha256", json()),
             source = entry.value("source", json());
  if (!bytes.is_number_unsigned() || !sha256.is_string()) return std::nullopt;
  const json voucher = entry.value("voucher", json());
  const auto known = std::ranges::find(kVouchers, voucher.is_string() ? voucher.get<std::string>() : "");
  return FileRecord{
      bytes.get<uint64_t>(), sha256.get<std::string>(),
      source.is_string() ? source.get<std::string>() : std::string(),
      known == kVouchers.end() ? Voucher::kNobody : static_cast<Voucher>(known - kVouchers.begin())};
}

void add_to(const fs::path& file, const std::string& name, const FileRecord& record) {
  fs::create_directories(file.parent_path());
  const FolderLock lock(file.parent_path());
  json all = read_json_object_if_sound(file);
  all[name] = {{"bytes", record.bytes},
               {"sha256", record.sha256},
               {"source", record.source},
               {"voucher", voucher_name(record.voucher)}};
  const std::string content = all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  write_atomically(file, std::as_bytes(std::span(content)));
}

fs::path records_file(const fs::path& model_folder) { return model_folder / "relievo-model.json"; }

}  // namespace

std::string_view voucher_name(Voucher voucher) { return kVouchers.at(static_cast<size_t>(voucher)); }

std::map<std::string, FileRecord> read_records(const fs::path& model_folder) {
  std::map<std::string, FileRecord> records;
  const json all = read_json_object_if_sound(records_file(model_folder));
  for (const auto& [path, entry] : all.items()) {
    if (auto record = record_from(entry)) records.emplace(path, std::move(*record));
  }
  return records;
}

void note_record(const fs::path& model_folder, const std::string& path, const FileRecord& record) {
  add_to(records_file(model_folder), path, record);
}

std::optional<FileRecord> remembered_checksum(const std::string& url) {
  const json known = read_json_object_if_sound(remembered_checksums_file());
  const auto found = known.find(url);
  return found == known.end() ? std::nullopt : record_from(*found);
}

void remember_checksum(const std::string& url, const FileRecord& record) {
  add_to(remembered_checksums_file(), url, record);
}

fs::path remembered_checksums_file() { return models_folder() / "relievo-checksums.json"; }

}  // namespace relievo

#include "train/data/archive.h"

#include <mutex>
#include <span>

#include <zip.h>

#include "base/error.h"
#include "base/input_file.h"

namespace relievo {
namespace {

constexpr uint64_t kMostBytes = uint64_t{256} << 20;

class ZipArchive : public Archive {
 public:
  explicit ZipArchive(std::filesystem::path path) : path_(std::move(path)) {
    int code = 0;
    zip_ = zip_open(path_.c_str(), ZIP_RDONLY, &code);
    if (!zip_) {
      zip_error_t error;
      zip_error_init_with_code(&error, code);
      const std::string why = zip_error_strerror(&error);
      zip_error_fini(&error);
      throw Error(ErrorCode::kIo, "'" + path_.string() + "' cannot be opened as a zip archive: " + why + ".",
                  "Give a sound archive.");
    }
  }
  ~ZipArchive() override { zip_discard(zip_); }
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  bool contains(const std::string& name) const override {
    const std::lock_guard lock(mutex_);
    return zip_name_locate(zip_, plain(name), 0) >= 0;
  }

  std::vector<std::byte> read(const std::string& name) const override {
    const std::lock_guard lock(mutex_);  // libzip's handles belong to one thread at a time
    zip_stat_t facts;
    zip_stat_init(&facts);
    if (zip_stat(zip_, plain(name), 0, &facts) != 0) throw refusal(name, "it is not there");
    if (!(facts.valid & ZIP_STAT_SIZE) || facts.size > kMostBytes) throw refusal(name, "it is too large");
    zip_file_t* file = zip_fopen(zip_, plain(name), 0);
    if (!file) throw refusal(name, zip_strerror(zip_));
    std::vector<std::byte> bytes(facts.size);
    const zip_int64_t count = zip_fread(file, bytes.data(), bytes.size());
    // The checksum is compared when the end is read.
    std::byte beyond{};
    const bool is_sound = count == static_cast<zip_int64_t>(bytes.size()) && zip_fread(file, &beyond, 1) == 0;
    zip_fclose(file);
    if (!is_sound) throw refusal(name, "it is damaged");
    return bytes;
  }

 private:
  static const char* plain(const std::string& name) { return name.c_str() + (name.starts_with('/') ? 1 : 0); }

  Error refusal(const std::string& name, const std::string& why) const {
    return {ErrorCode::kIo, "'" + name + "' cannot be read from '" + path_.string() + "': " + why + ".",
            "Give a sound archive."};
  }

  std::filesystem::path path_;
  zip_t* zip_ = nullptr;
  mutable std::mutex mutex_;
};

class Folder : public Archive {
 public:
  explicit Folder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  bool contains(const std::string& name) const override {
    std::error_code none;
    return std::filesystem::is_regular_file(folder_ / name, none);
  }
  std::vector<std::byte> read(const std::string& name) const override {
    const std::string text = read_file(folder_ / name, kMostBytes);
    const auto bytes = std::as_bytes(std::span(text));
    return {bytes.begin(), bytes.end()};
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace

std::unique_ptr<Archive> open_zip(const std::filesystem::path& path) {
  return std::make_unique<ZipArchive>(path);
}
std::unique_ptr<Archive> open_folder(const std::filesystem::path& folder) {
  return std::make_unique<Folder>(folder);
}

}  // namespace relievo

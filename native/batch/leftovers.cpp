#include "batch/leftovers.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <map>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/file_lock.h"
#include "base/set_aside.h"
#include "files/source_mark.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// The process number in a mark, PROCESS-RANDOM; 0 where the text is no mark.
pid_t process_of(const std::string& mark) {
  pid_t process = 0;
  const char* end = mark.data() + mark.size();
  const auto [rest, error] = std::from_chars(mark.data(), end, process);
  const bool is_mark = error == std::errc() && rest != end && *rest == '-' && end - rest == 9 &&
                       std::all_of(rest + 1, end, [](unsigned char c) { return std::isxdigit(c); });
  return is_mark ? process : 0;
}

bool has_ended(const JournalWriter& writer, bool has_lock) {
  const pid_t process = process_of(writer.mark);
  if (process <= 0 || writer.mark == writer_mark()) return false;
  if (writer.host != host_name()) return has_lock && writer.had_lock;
  // Our own process number in another process's mark means that the number was reused, as happens in
  // containers.
  return process == ::getpid() || (::kill(process, 0) != 0 && errno == ESRCH);
}

}  // namespace

void remove_leftovers(const fs::path& folder, const std::vector<JournalWriter>& writers, bool has_lock,
                      const std::set<fs::path>& subfolders) {
  std::vector<std::string> ended;
  for (const JournalWriter& writer : writers) {
    if (has_ended(writer, has_lock)) ended.push_back(writer.mark);
  }
  if (ended.empty()) return;
  std::set<fs::path> folders = subfolders;
  folders.insert(fs::path());
  for (const fs::path& subfolder : folders) {
    std::error_code error, ignored;
    std::vector<fs::path> leftovers;
    for (fs::directory_iterator entry(folder / subfolder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (!name.starts_with('.')) continue;
      if (std::any_of(ended.begin(), ended.end(),
                      [&](const auto& mark) { return is_temporary_of(name, mark); }))
        leftovers.push_back(entry->path());
    }
    for (const fs::path& leftover : leftovers) fs::remove_all(leftover, ignored);
  }
}

void set_damaged_aside(const fs::path& folder, const JournalResult& result, const Fingerprint& fingerprint,
                       std::vector<std::string>& notes) {
  std::map<std::string, std::vector<JournalFile>> written;  // files by path
  for (const MadeAttempt& attempt : result.made) {
    for (const JournalFile& file : attempt.files) written[file.path].push_back(file);
  }
  std::vector<std::string> own = result.checksums;
  own.push_back(fingerprint.picture);
  for (const auto& [path, versions] : written) {
    std::error_code error;
    const fs::path file = folder / path;
    if (fs::symlink_status(file, error).type() == fs::file_type::not_found) continue;
    const std::string mark = source_checksum(file);
    if (!mark.empty() && std::find(own.begin(), own.end(), mark) != own.end()) continue;
    if (std::any_of(versions.begin(), versions.end(),
                    [&](const auto& one) { return is_intact(folder, one); }))
      continue;
    if (fs::is_regular_file(fs::symlink_status(file, error)) && fs::file_size(file, error) == 0) {
      fs::remove(file, error);
      continue;
    }
    notes.push_back(fmt::format("'{}' is not the file that was made: it is kept as '{}', and made again.",
                                file.string(), set_aside(file).string()));
  }
}

}  // namespace relievo

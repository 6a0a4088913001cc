#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/sha256.h"
#include "downloads/downloads.h"
#include "downloads/http.h"
#include "downloads/part_file.h"
#include "weights/mapped_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr int kTriesWithoutProgress = 4;
constexpr auto kFirstPause = std::chrono::milliseconds(250);

/// What a source gave: the file is whole, or why not.
struct Attempt {
  bool is_whole = false;
  bool is_wrong = false;  // whole, but not the file that was wanted
  std::string reason;
  std::optional<std::string> sha256;  // as the server says
};

void pause(std::chrono::milliseconds time, const CancelToken& cancel) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    cancel.check();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void check_space(const PartFile& part, std::optional<uint64_t> bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(part.path().parent_path(), error);
  if (error || !bytes || *bytes <= part.bytes() || space.available >= *bytes - part.bytes()) return;
  throw Error(
      ErrorCode::kIo,
      fmt::format("'{}' needs {:.1f} GB more, and {:.1f} GB are free.", part.path().parent_path().string(),
                  static_cast<double>(*bytes - part.bytes()) / 1e9,
                  static_cast<double>(space.available) / 1e9),
      "Free some space, or set RELIEVO_MODELS to a folder elsewhere.");
}

Attempt from_web(const std::string& url, const Download& download, PartFile& part, const Control& control,
                 const BytesListener& listener) {
  Attempt attempt;
  auto wait = kFirstPause;
  uint64_t most = part.bytes();  // a server that ignores ranges begins anew each time
  for (int tries = 0; tries < kTriesWithoutProgress;) {
    const HttpReply reply =
        request_rest(url, part, download.sha256.has_value(), download.bytes, control.cancel, listener);
    if (reply.sha256) attempt.sha256 = reply.sha256;
    attempt.reason = reply.reason;
    if (reply.outcome == HttpOutcome::kRefused) return attempt;
    if (reply.outcome == HttpOutcome::kComplete) {
      attempt.is_whole = true;
      return attempt;
    }
    check_space(part, reply.total);
    if (part.bytes() > most) {
      most = part.bytes();
      tries = 0;
      wait = kFirstPause;
    } else if (++tries == kTriesWithoutProgress) {
      break;
    }
    pause(wait, control.cancel);
    wait *= 2;
  }
  return attempt;
}

Attempt from_disk(const fs::path& path, PartFile& part, const Control& control,
                  const BytesListener& listener) {
  Attempt attempt;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    attempt.reason = "there is no such file";
    return attempt;
  }
  const MappedFile source(path);
  const auto bytes = source.bytes();
  // What another source has begun is not asked for again: a copy is quick.
  part.clear();
  check_space(part, bytes.size());
  constexpr size_t kStep = size_t{8} << 20;
  for (size_t at = 0; at < bytes.size(); at += kStep) {
    control.cancel.check();
    part.append(bytes.subspan(at, std::min(kStep, bytes.size() - at)));
    if (listener) listener(part.bytes(), bytes.size());
  }
  attempt.is_whole = true;
  return attempt;
}

/// Checks a whole file. Returns its digest, or sets the reason.
std::string check(const Download& download, const PartFile& part, const Control& control, Attempt& attempt) {
  if (download.bytes && part.bytes() != *download.bytes) {
    attempt.is_wrong = true;
    attempt.reason = fmt::format("it gives {} bytes instead of {}", part.bytes(), *download.bytes);
    return {};
  }
  const std::string digest = file_sha256(part.path(), Control{{}, control.cancel});
  const auto& expected = download.sha256 ? download.sha256 : attempt.sha256;
  if (part.bytes() == 0 || (expected && digest != *expected)) {
    attempt.is_wrong = true;
    attempt.reason =
        part.bytes() == 0 ? "it gives an empty file" : "its content is not what it should be (SHA-256)";
  }
  return digest;
}

}  // namespace

FileRecord fetch_file(const Download& download, const Control& control, const BytesListener& listener) {
  PartFile part(download.destination);
  check_space(part, download.bytes);
  std::string reasons;
  bool is_wrong = false;
  for (const std::string& source : download.sources) {
    constexpr std::string_view kFileScheme = "file://";
    const bool is_web = source.starts_with("http://") || source.starts_with("https://");
    // Bytes of a try that was broken off may not fit those that follow; then the whole is asked for once
    // more.
    for (bool was_resumed = part.bytes() > 0, again = true; again;) {
      again = false;
      Attempt attempt;
      if (is_web) {
        attempt = from_web(source, download, part, control, listener);
      } else {
        attempt = from_disk(source.starts_with(kFileScheme) ? source.substr(kFileScheme.size()) : source,
                            part, control, listener);
      }
      if (attempt.is_whole) {
        const std::string digest = check(download, part, control, attempt);
        if (!attempt.is_wrong) {
          FileRecord record{part.bytes(), digest, source};
          part.finish();
          return record;
        }
        part.clear();
        again = std::exchange(was_resumed, false);
        is_wrong = true;
      }
      if (!again) reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", source, attempt.reason);
    }
  }
  if (part.bytes() == 0) part.discard();
  throw Error(
      is_wrong ? ErrorCode::kModelCorrupt : ErrorCode::kIo,
      fmt::format("Cannot fetch '{}': {}.", download.destination.filename().string(), reasons),
      is_wrong
          ? "Try again later, or from another source (--from, RELIEVO_MODEL_MIRRORS)."
          : "Check the network and try again: what has arrived is kept. --from and RELIEVO_MODEL_MIRRORS "
            "name other sources.");
}

}  // namespace relievo

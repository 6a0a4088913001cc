#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/input_file.h"
#include "base/sha256.h"
#include "downloads/content.h"
#include "downloads/downloads.h"
#include "downloads/http.h"
#include "downloads/part_file.h"
#include "downloads/web_address.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr int kTriesWithoutProgress = 4;
// In bytes. A server that sends less than this in each of several tries is given up.
constexpr uint64_t kProgress = 64 << 10;
constexpr auto kFirstPause = std::chrono::milliseconds(250);

/// The outcome of one source: the whole file, or the reason why not.
struct Attempt {
  bool is_whole = false;
  std::string reason = {};
};

void pause(std::chrono::milliseconds time, const CancelToken& cancel) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
    cancel.check();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

HttpContext http_context(const FetchContext& context) {
  BytesListener listener;
  if (context.listener) {
    listener = [&context](uint64_t done, uint64_t total) {
      context.listener(FetchPhase::kFetching, done, total);
    };
  }
  return {context.transport, context.patience, context.control.cancel, std::move(listener)};
}

Attempt from_web(const std::string& url, const Download& download, PartFile& part,
                 const FetchContext& context) {
  const WantedFile wanted{download.bytes, download.sha256.has_value()};
  auto wait = kFirstPause;
  // A server that ignores ranges begins at the start each time, so only a higher count than ever before is
  // progress.
  uint64_t most = part.bytes();
  for (int tries = 0;;) {
    HttpReply reply = request_rest(url, part, wanted, http_context(context));
    if (reply.outcome == HttpOutcome::kComplete) return {true};
    if (reply.outcome == HttpOutcome::kRefused) return {false, std::move(reply.reason)};
    if (part.bytes() >= most + kProgress) {
      most = part.bytes();
      tries = 0;
      wait = kFirstPause;
    } else if (++tries == kTriesWithoutProgress) {
      return {false, std::move(reply.reason)};
    }
    pause(wait, context.control.cancel);
    wait *= 2;
  }
}

Attempt from_disk(const fs::path& path, PartFile& part, const FetchContext& context) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {false, "there is no such file"};
  InputFile source(path);
  // A copy is quick, so it begins at the start and does not continue another source's bytes.
  part.clear();
  check_space(part, source.size());
  std::vector<std::byte> buffer(size_t{4} << 20);
  while (const size_t read = source.read(buffer)) {
    context.control.cancel.check();
    part.append(std::span(buffer).first(read));
    if (context.listener) context.listener(FetchPhase::kFetching, part.bytes(), source.size());
  }
  return {true};
}

bool is_remembered(const Download& download) {
  return download.sha256 && download.voucher != Voucher::kCatalogue;
}

/// Returns who vouches for the digest of a file that was checked.
Voucher voucher_of(const Download& download, const PartFile& part, const std::string& source) {
  if (download.sha256) return download.voucher;
  const auto origin = part.origin(source);
  return origin && origin->sha256 ? Voucher::kServer : Voucher::kNobody;
}

/// The outcome of checking a whole file: its digest, or the reason why it is not the file that is wanted.
struct Check {
  std::string digest, problem;
};

Check check(const Download& download, const PartFile& part, const std::string& source,
            const FetchContext& context) {
  if (download.bytes && part.bytes() != *download.bytes)
    return {{}, fmt::format("it gives {} bytes instead of {}", part.bytes(), *download.bytes)};
  if (part.bytes() == 0) return {{}, "it gives an empty file"};
  const uint64_t size = part.bytes();
  const Progress progress([&](double fraction) {
    const auto done = static_cast<uint64_t>(fraction * static_cast<double>(size));
    if (context.listener) context.listener(FetchPhase::kChecking, done, size);
  });
  Check result{file_sha256(part.path(), Control{progress, context.control.cancel}), {}};
  if (download.sha256 && result.digest != *download.sha256) {
    result.problem = is_remembered(download) ? "its content is not what it was before (SHA-256)"
                                             : "its content is not what it should be (SHA-256)";
    return result;
  }
  const auto origin = part.origin(source);
  if (origin && origin->sha256 && result.digest != *origin->sha256) {
    result.problem = "its content is not what the server says (SHA-256)";
  } else if (!download.sha256 || is_remembered(download)) {
    result.problem = why_not_of_kind(part.path(), download.destination, download.kind);
  }
  return result;
}

fs::path path_of_source(const std::string& source) {
  constexpr std::string_view kFileScheme = "file://";
  return source.starts_with(kFileScheme) ? source.substr(kFileScheme.size()) : source;
}

Error failure(const Download& download, const std::string& reasons, bool is_wrong) {
  const std::string message =
      fmt::format("Cannot fetch '{}': {}.", download.destination.filename().string(), reasons);
  if (!is_wrong) {
    return {ErrorCode::kIo, message,
            "Check the connection and try again: what has arrived is kept. Or use another source, such as a "
            "mirror, a folder or a file that you have."};
  }
  return {download.kind == FileKind::kAny ? ErrorCode::kIo : ErrorCode::kModelCorrupt, message,
          is_remembered(download)
              ? fmt::format("Try another source. If its publisher has changed it on purpose, delete '{}' and "
                            "fetch it again.",
                            remembered_checksums_file().string())
              : "Try again later, or use another source. If it happens again, something between you and the "
                "server changes files."};
}

}  // namespace

FileRecord fetch_file(const Download& download, const FetchContext& context) {
  PartFile part(download.destination);
  if (download.bytes) check_space(part, *download.bytes);
  std::string reasons;
  bool is_wrong = false;
  for (const std::string& source : download.sources) {
    // Bytes of a download that was broken off may not fit those that follow; then the whole file is asked for
    // once more.
    for (bool was_resumed = part.bytes() > 0, again = true; again;) {
      again = false;
      Attempt attempt = is_web_address(source) ? from_web(source, download, part, context)
                                               : from_disk(path_of_source(source), part, context);
      if (attempt.is_whole) {
        Check checked = check(download, part, source, context);
        if (checked.problem.empty()) {
          FileRecord record{part.bytes(), std::move(checked.digest), source,
                            voucher_of(download, part, source)};
          part.finish();
          return record;
        }
        attempt.reason = std::move(checked.problem);
        part.clear();
        again = std::exchange(was_resumed, false);
        is_wrong = is_wrong || !again;
      }
      if (!again) reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", source, attempt.reason);
    }
  }
  throw failure(download, reasons, is_wrong);
}

std::optional<uint64_t> size_of_file(const std::vector<std::string>& sources, const FetchContext& context) {
  for (const std::string& source : sources) {
    if (is_web_address(source)) {
      if (const auto size = request_size(source, http_context(context))) return size;
      continue;
    }
    std::error_code error;
    const uint64_t size = fs::file_size(path_of_source(source), error);
    if (!error) return size;
  }
  return std::nullopt;
}

}  // namespace relievo

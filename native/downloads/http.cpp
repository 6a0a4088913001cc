#include "downloads/http.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "downloads/reply.h"
#include "downloads/web_address.h"

namespace relievo {
namespace {

constexpr int kMaxRedirects = 8;
constexpr double kLeastBytesPerSecond = 512;
constexpr int kOk = 200, kPartial = 206, kRangeNotThere = 416;

/// Notices when next to nothing comes. Only the file's own bytes count, because a server can send headers or
/// chunk extensions for ever.
class Pace {
 public:
  explicit Pace(std::chrono::milliseconds patience) : patience_(patience) {}

  void came(uint64_t bytes) { bytes_ += bytes; }

  bool is_too_slow() {
    const auto now = Clock::now();
    if (now - begin_ < patience_) return false;
    const double least = kLeastBytesPerSecond * std::chrono::duration<double>(patience_).count();
    if (static_cast<double>(bytes_) < least) return true;
    begin_ = now;
    bytes_ = 0;
    return false;
  }

 private:
  std::chrono::milliseconds patience_;
  Clock::time_point begin_ = Clock::now();
  uint64_t bytes_ = 0;
};

/// Common to all requests: cancellation, the pace, and exceptions, which must not cross a transport.
class Receiver : public HttpReceiver {
 public:
  explicit Receiver(const HttpContext& context) : context_(context), pace_(context.patience) {}

  bool begin(int status, const HttpHeaders& headers) final {
    reply_ = {status, headers};
    return guarded([&] { return !reply_.is_redirect() && begun(); });
  }
  bool body(std::span<const std::byte> bytes) final {
    pace_.came(bytes.size());
    return guarded([&] { return taken(bytes); }) && !stops();
  }
  bool wait() final {
    return guarded([&] { return waited(); }) && !stops();
  }

  /// Is called after the transfer.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
    context_.cancel.check();
  }
  const Reply& reply() const { return reply_; }
  bool is_too_slow() const { return is_too_slow_; }

 protected:
  virtual bool begun() = 0;
  virtual bool taken(std::span<const std::byte> bytes) = 0;
  virtual bool waited() { return true; }

  const HttpContext& context_;
  Reply reply_;

 private:
  template <typename Body>
  bool guarded(const Body& body) {
    if (error_) return false;
    try {
      return body();
    } catch (...) {
      error_ = std::current_exception();
      return false;
    }
  }
  bool stops() {
    is_too_slow_ = is_too_slow_ || pace_.is_too_slow();
    return is_too_slow_ || context_.cancel.cancelled();
  }

  Pace pace_;
  bool is_too_slow_ = false;
  std::exception_ptr error_;
};

/// The facts that the replies of a chain of redirects told.
struct Chain {
  std::string address;  // address of the last request
  // The file's digest, as a server on the way told it.
  std::optional<std::string> sha256;
  std::optional<uint64_t> size;
};

/// Follows redirects until a reply is not one. Returns the reason why that is not possible, or an empty text
/// and the transfer.
template <typename MakeReceiver>
std::pair<std::string, Transfer> follow(HttpRequest request, const HttpContext& context, Chain& chain,
                                        const MakeReceiver& make_receiver) {
  const std::string first = request.url;
  bool was_secure = false;
  for (int redirects = 0;; ++redirects) {
    chain.address = request.url;
    was_secure = was_secure || is_secure_address(request.url);
    Receiver& receiver = make_receiver();
    const Transfer transfer = context.transport.run(request, receiver);
    receiver.rethrow();
    const Reply& reply = receiver.reply();
    if (std::string other = reply.why_not_the_revision(first); !other.empty()) return {other, transfer};
    if (const auto digest = reply.linked_sha256()) chain.sha256 = digest;
    if (const auto size = reply.linked_size()) chain.size = size;
    if (!reply.is_redirect()) return {{}, transfer};
    if (redirects == kMaxRedirects) return {"the server redirects without end", transfer};
    const auto next = redirected(request.url, reply.header("location"));
    if (!next) {
      return {fmt::format("the server redirects to '{}', which is no web address", reply.header("location")),
              transfer};
    }
    if (was_secure && !is_secure_address(*next))
      return {fmt::format("the server redirects from https to '{}', which is not secure", *next), transfer};
    request.url = *next;
  }
}

/// Receives the rest of the file.
class FileReceiver final : public Receiver {
 public:
  FileReceiver(const std::string& url, PartFile& part, const WantedFile& wanted, uint64_t asked_from,
               const HttpContext& context, const Chain& chain)
      : Receiver(context), url_(url), part_(part), wanted_(wanted), asked_from_(asked_from), chain_(chain) {}

  HttpReply judge(const Transfer& transfer);

 protected:
  bool begun() override;
  bool taken(std::span<const std::byte> bytes) override;
  bool waited() override {
    tell();
    return true;
  }

 private:
  bool refuse(std::string reason) {
    refusal_ = std::move(reason);
    return false;
  }
  bool begin_whole();
  bool begin_rest();
  void tell() const {
    if (context_.listener) context_.listener(part_.bytes(), total_.value_or(0));
  }

  const std::string& url_;
  PartFile& part_;
  const WantedFile& wanted_;
  uint64_t asked_from_;
  const Chain& chain_;
  // The size of the whole file, and the place where this reply ends.
  std::optional<uint64_t> total_, end_;
  // True when the reply is the file from its first byte on.
  bool is_whole_ = false;
  bool has_begun_ = false, is_other_version_ = false;
  std::string refusal_;
};

bool FileReceiver::begun() {
  if (reply_.status != kOk && reply_.status != kPartial) return false;
  // Before any of it is taken; follow() says why.
  if (!reply_.why_not_the_revision(url_).empty()) return false;
  if (std::string reason = reply_.why_not_the_file(); !reason.empty()) return refuse(std::move(reason));
  if (!(reply_.status == kOk ? begin_whole() : begin_rest())) return false;
  if (wanted_.bytes && total_ && *total_ != *wanted_.bytes) {
    return refuse(fmt::format("the server has a file of {} bytes instead of {}", *total_, *wanted_.bytes));
  }
  if (!total_) total_ = wanted_.bytes;
  if (total_) check_space(part_, *total_);
  return true;
}

bool FileReceiver::begin_whole() {
  is_whole_ = true;
  total_ = end_ = reply_.length();
  return total_ == 0u ? refuse("the server sends an empty file") : true;
}

bool FileReceiver::begin_rest() {
  const auto range = reply_.range();
  if (asked_from_ == 0) return refuse("the server sends a part of the file, which was not asked for");
  if (!range || !range->first || !range->last || *range->last < *range->first)
    return refuse("the server does not say which part of the file it sends");
  if (*range->first != asked_from_) return refuse("the server sends another part than was asked for");
  const uint64_t size = *range->last - *range->first + 1;
  if (reply_.length() && *reply_.length() != size)
    return refuse("the server sends a part of another size than it says");
  if (range->total && *range->total <= *range->last) return refuse("the server sends more than the file has");
  const auto origin = part_.origin(url_);
  const std::string validator = reply_.validator();
  const bool is_other_tag =
      origin && !origin->validator.empty() && !validator.empty() && validator != origin->validator;
  const bool is_other_size = origin && origin->total && range->total && *origin->total != *range->total;
  if (is_other_tag || is_other_size) {
    is_other_version_ = true;
    return false;
  }
  total_ = range->total;
  end_ = *range->last + 1;
  return true;
}

bool FileReceiver::taken(std::span<const std::byte> bytes) {
  if (bytes.empty()) return true;
  if (!has_begun_) {
    // The part is only cleared with the first byte, so that a reply without a body leaves what is there.
    if (is_whole_) part_.clear();
    has_begun_ = true;
    PartOrigin origin{url_, reply_.validator(), total_, chain_.sha256};
    if (!is_whole_) {  // what the first reply said still holds
      if (const auto before = part_.origin(url_)) {
        if (origin.validator.empty()) origin.validator = before->validator;
        if (!origin.total) origin.total = before->total;
        if (!origin.sha256) origin.sha256 = before->sha256;
      }
    }
    part_.note(origin);
  }
  const uint64_t after = part_.bytes() + bytes.size();
  if ((end_ && after > *end_) || (wanted_.bytes && after > *wanted_.bytes))
    return refuse("the server sends more than the file's size");
  part_.append(bytes);
  tell();
  return true;
}

HttpReply FileReceiver::judge(const Transfer& transfer) {
  const auto broken = [](std::string reason) { return HttpReply{HttpOutcome::kBroken, std::move(reason)}; };
  const auto refused = [](std::string reason) { return HttpReply{HttpOutcome::kRefused, std::move(reason)}; };
  if (!refusal_.empty()) return refused(refusal_);
  if (is_too_slow())
    return refused(fmt::format("next to nothing came for {:.0f} seconds",
                               std::chrono::duration<double>(context_.patience).count()));
  if (is_other_version_) {
    part_.clear();
    return broken("the file on the server has changed");
  }
  if (transfer.end == TransferEnd::kHopeless) return refused(transfer.reason);
  const int status = reply_.status;
  if (status == 0) return broken(transfer.reason.empty() ? "the server does not answer" : transfer.reason);
  if (status == kRangeNotThere && asked_from_ > 0) {
    // The server has no bytes behind what is there: either that is the whole file, or it belongs to another
    // one.
    const auto range = reply_.range();
    if (range && range->total == part_.bytes()) return {HttpOutcome::kComplete};
    part_.clear();
    return broken("the file on the server has changed");
  }
  if (status != kOk && status != kPartial) {
    const std::string reason = fmt::format("the server answers {}", status);
    return reply_.is_busy() ? broken(reason) : refused(reason);
  }
  if (transfer.end == TransferEnd::kBroken) return broken(transfer.reason);
  if (!has_begun_)
    return is_whole_ ? refused("the server sends an empty file") : broken("the server sends nothing");
  if (const auto whole = total_ ? total_ : end_; whole && part_.bytes() < *whole)
    return broken("the server sends less than the file's size");
  return {HttpOutcome::kComplete};
}

/// Receives headers alone.
class SizeReceiver final : public Receiver {
 public:
  using Receiver::Receiver;

 protected:
  bool begun() override { return false; }
  bool taken(std::span<const std::byte>) override { return false; }
};

}  // namespace

HttpReply request_rest(const std::string& url, PartFile& part, const WantedFile& wanted,
                       const HttpContext& context) {
  const auto origin = part.origin(url);
  const std::string validator = origin ? origin->validator : std::string();
  const bool has_digest = wanted.is_digest_known || (origin && origin->sha256);
  HttpRequest request{url, true, {{"Accept-Encoding", "identity"}}};
  uint64_t asked_from = 0;
  if (part.bytes() > 0 && (has_digest || !validator.empty())) {
    asked_from = part.bytes();
    const auto total = wanted.bytes ? wanted.bytes : origin ? origin->total : std::nullopt;
    // Nothing is missing: the last download ended while the whole file was checked.
    if (total == asked_from) return {HttpOutcome::kComplete};
    request.headers.emplace_back("Range", fmt::format("bytes={}-", asked_from));
    // Without If-Range, a server that has another version by now would append that version's end.
    if (!validator.empty()) request.headers.emplace_back("If-Range", validator);
  }
  Chain chain;
  std::optional<FileReceiver> receiver;
  auto [reason, transfer] = follow(std::move(request), context, chain, [&]() -> Receiver& {
    return receiver.emplace(url, part, wanted, asked_from, context, chain);
  });
  if (!reason.empty()) return {HttpOutcome::kRefused, std::move(reason)};
  return receiver->judge(transfer);
}

std::optional<uint64_t> request_size(const std::string& url, const HttpContext& context) {
  Chain chain;
  std::optional<SizeReceiver> receiver;
  const auto reason =
      follow({url, false, {{"Accept-Encoding", "identity"}}}, context, chain, [&]() -> Receiver& {
        return receiver.emplace(context);
      }).first;
  const Reply& reply = receiver->reply();
  const auto size = chain.size ? chain.size : reply.length();
  const bool is_told = reason.empty() && reply.status == kOk && reply.why_not_the_file().empty();
  return is_told && size.value_or(0) > 0 ? size : std::nullopt;
}

void check_space(const PartFile& part, uint64_t total) {
  std::error_code error;
  const std::filesystem::path folder = part.path().parent_path();
  const auto space = std::filesystem::space(folder, error);
  if (error || total <= part.bytes() || space.available >= total - part.bytes()) return;
  throw Error(ErrorCode::kIo,
              fmt::format("'{}' needs {:.2f} GB more, and {:.2f} GB are free.", folder.string(),
                          static_cast<double>(total - part.bytes()) / 1e9,
                          static_cast<double>(space.available) / 1e9),
              "Free some space, or choose a folder on another disk.");
}

}  // namespace relievo

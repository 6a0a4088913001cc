// The one exception type of Relievo. A message says what happened, a hint says what the person can do about
// it.
#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace relievo {

enum class ErrorCode {
  kInvalidImage,
  kNoSubject,
  kInvalidSettings,
  kEmptySurface,
  kOutOfMemory,
  kDeviceLost,
  kIo,
  kModelMissing,
  kModelCorrupt,
  kModelMismatch,
  kCancelled,
  kInternal,
};

/// The code as it is written in reports and in Python: `invalid_image`, `no_subject`, ...
std::string_view code_name(ErrorCode code);

/// The exit status of a program that ends with this error (docs/architecture.md, "Errors").
int exit_status(ErrorCode code);

/// The exit status of a run over several pictures of which some failed.
inline constexpr int kExitSomeFailed = 5;

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, std::string hint = {});

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }  ///< may be empty
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  ErrorCode code_;
  std::string message_;
  std::string hint_;
  std::string what_;  // "message (hint)"
};

/// Turns whatever is being handled in a catch block into an Error: Relievo's own as it is, std::bad_alloc as
/// out_of_memory, a full or unreadable disk as io, anything else as internal.
Error current_error();

}  // namespace relievo

#include "base/error.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

#include "base/system_error.h"

namespace relievo {
namespace {

struct CodeFacts {
  std::string_view name;
  int exit_status;
};

// The order is that of ErrorCode.
constexpr std::array<CodeFacts, 12> kCodes{{
    {"invalid_image", 2},
    {"no_subject", 2},
    {"invalid_settings", 2},
    {"empty_surface", 2},
    {"out_of_memory", 3},
    {"device_lost", 3},
    {"io", 3},
    {"model_missing", 4},
    {"model_corrupt", 4},
    {"model_mismatch", 4},
    {"cancelled", 130},
    {"internal", 1},
}};
static_assert(kCodes.size() == static_cast<size_t>(ErrorCode::kInternal) + 1);

constexpr const char* kMemoryHint = "Close other programs, or use a smaller grid or texture.";

/// A thread that cannot be started for want of memory for its stack, or of threads, is EAGAIN.
bool is_want_of_memory(const std::error_code& code) {
  return code == std::errc::not_enough_memory || code == std::errc::resource_unavailable_try_again;
}

}  // namespace

std::string_view code_name(ErrorCode code) { return kCodes.at(static_cast<size_t>(code)).name; }

int exit_status(ErrorCode code) { return kCodes.at(static_cast<size_t>(code)).exit_status; }

Error::Error(ErrorCode code, std::string message, std::string hint)
    : code_(code),
      message_(std::move(message)),
      hint_(std::move(hint)),
      what_(hint_.empty() ? message_ : message_ + " (" + hint_ + ")") {}

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "The machine ran out of memory.", kMemoryHint}; }

Error system_error(const std::string& what, int number, const std::string& hint) {
  const std::error_code code(number, std::generic_category());
  const std::string message = what + ": " + code.message() + ".";
  if (is_want_of_memory(code)) return {ErrorCode::kOutOfMemory, message, kMemoryHint};
  if (code == std::errc::no_space_on_device || number == EDQUOT) {
    return {ErrorCode::kIo, message, "The disk is full: free some space or choose another folder."};
  }
  if (code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system) {
    return {ErrorCode::kIo, message, "Raise the limit on open files (ulimit -n)."};
  }
  return {ErrorCode::kIo, message, hint};
}

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::filesystem::filesystem_error& error) {
    if (is_want_of_memory(error.code())) return out_of_memory();
    return {ErrorCode::kIo, error.what(), "Check that the folder exists, is writable and has space left."};
  } catch (const std::system_error& error) {
    if (is_want_of_memory(error.code())) return out_of_memory();
    return {ErrorCode::kInternal, error.what(), "This is a fault in Relievo; please report it with its log."};
  } catch (const std::exception& error) {
    return {ErrorCode::kInternal, error.what(), "This is a fault in Relievo; please report it with its log."};
  } catch (...) {
    return {ErrorCode::kInternal, "An unknown error occurred.",
            "This is a fault in Relievo; please report it with its log."};
  }
}

}  // namespace relievo

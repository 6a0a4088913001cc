#include "base/error.h"

#include <array>
#include <filesystem>
#include <new>
#include <utility>

namespace relievo {
namespace {

struct CodeFacts {
  std::string_view name;
  int exit_status;
};

// In the order of ErrorCode.
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

}  // namespace

std::string_view code_name(ErrorCode code) { return kCodes.at(static_cast<size_t>(code)).name; }

int exit_status(ErrorCode code) { return kCodes.at(static_cast<size_t>(code)).exit_status; }

Error::Error(ErrorCode code, std::string message, std::string hint)
    : code_(code),
      message_(std::move(message)),
      hint_(std::move(hint)),
      what_(hint_.empty() ? message_ : message_ + " (" + hint_ + ")") {}

Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorCode::kOutOfMemory, "The machine ran out of memory.",
            "Close other programs, or use a smaller grid or texture."};
  } catch (const std::filesystem::filesystem_error& error) {
    return {ErrorCode::kIo, error.what(), "Check that the folder exists, is writable and has space left."};
  } catch (const std::exception& error) {
    return {ErrorCode::kInternal, error.what(), "This is a fault in Relievo; please report it with its log."};
  } catch (...) {
    return {ErrorCode::kInternal, "An unknown error occurred.",
            "This is a fault in Relievo; please report it with its log."};
  }
}

}  // namespace relievo

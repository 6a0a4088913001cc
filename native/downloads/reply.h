// Reads what the head of a web server's reply says about the body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "downloads/transport.h"

namespace relievo {

/// "bytes 100-199/200"; "bytes 100-199/*" where the total is unknown; "bytes */200" for a range that the file
/// does not have.
struct ContentRange {
  std::optional<uint64_t> first, last, total;
};

struct Reply {
  int status = 0;
  HttpHeaders headers = {};

  /// A header's value without white space around it; empty where there is none.
  std::string header(std::string_view name) const;

  bool is_redirect() const;
  bool is_busy() const;  ///< returns whether another try may succeed
  std::optional<uint64_t> length() const;
  std::optional<ContentRange> range() const;

  /// Identifies the version of the file: a strong ETag, else the date. A weak ETag says nothing about single
  /// bytes.
  std::string validator() const;
  /// The digest that huggingface.co sends along when it redirects to a large file: there, ETag and size are
  /// those of the file in Git LFS.
  std::optional<std::string> linked_sha256() const;
  std::optional<uint64_t> linked_size() const;

  /// Says why the file is of another revision than `address` is pinned to; empty where it is not, and where
  /// the server does not tell.
  std::string why_not_the_revision(std::string_view address) const;

  /// Says why the body cannot be the file itself, whatever the status is; empty where it can.
  std::string why_not_the_file() const;
};

}  // namespace relievo

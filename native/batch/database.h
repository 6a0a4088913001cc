// The small part of SQLite that the journal needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace relievo {

class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  /// True where the file system has no locks.
  bool is_about_locks() const;
  /// True where the disk is full, read-only or failing, which says nothing about the file's content.
  bool is_about_the_disk() const;
  /// True where another program uses the file.
  bool is_busy() const;

 private:
  int code_;
};

/// A statement that is run once or, after reset(), again. All throw DatabaseError.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);

  /// Binds the next parameter to a value.
  Statement& operator<<(int64_t value);
  Statement& operator<<(double value);
  Statement& operator<<(std::string_view value);
  Statement& operator<<(std::nullopt_t null);
  Statement& operator<<(std::span<const std::byte> bytes);
  template <typename Value>
  Statement& operator<<(const std::optional<Value>& value) {
    return value ? *this << *value : *this << std::nullopt;
  }

  bool step();  ///< returns whether there is a row
  void run();   ///< runs a statement without rows and resets it
  void reset();

  // Read the values of a row. They are empty where the column holds another type.
  std::optional<int64_t> integer(int column) const;
  std::optional<double> real(int column) const;
  std::vector<std::byte> blob(int column) const;
  std::optional<std::string> text(int column) const;

 private:
  void check(int code) const;
  struct Close {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Close> statement_;
  int next_ = 1;
};

class Database {
 public:
  enum class Access {
    kWrite,  ///< created where it is not there
    /// For file systems without locks; whoever uses it must be the only one.
    kWriteWithoutLocks,
    kRead
  };
  /// Opens the file. Throws DatabaseError.
  Database(const std::filesystem::path& path, Access access);

  void run(const std::string& sql);  ///< any number of statements without values
  Statement prepare(std::string_view sql) { return {database_.get(), sql}; }
  int64_t last_id() const;  ///< id of the row that was inserted last

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

/// Undoes all that was done since it began, unless commit() was called.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool is_open_ = true;
};

}  // namespace relievo

// The little of SQLite that the journal needs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace relievo {

class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(int code, const std::string& message) : std::runtime_error(message), code_(code) {}
  bool is_about_locks() const;     ///< the file system has none
  bool is_about_the_disk() const;  ///< full, read-only or failing: says nothing of what the file holds
  bool is_busy() const;            ///< another program uses the file

 private:
  int code_;
};

/// A statement that is run once or, after reset(), again. All throw DatabaseError.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);

  /// Gives the next parameter a value.
  Statement& operator<<(int64_t value);
  Statement& operator<<(double value);
  Statement& operator<<(std::string_view value);
  Statement& operator<<(std::nullopt_t null);
  template <typename Value>
  Statement& operator<<(const std::optional<Value>& value) {
    return value ? *this << *value : *this << std::nullopt;
  }

  bool step();  ///< whether there is a row
  void run();   ///< step() for statements without rows, and then reset()
  void reset();

  // The values of a row. They are empty where the column holds another type.
  std::optional<int64_t> integer(int column) const;
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
    kWrite,              ///< made where it is not there
    kWriteWithoutLocks,  ///< for file systems that have none; whoever uses it is alone
    kRead
  };
  /// Throws DatabaseError.
  Database(const std::filesystem::path& path, Access access);

  void run(const std::string& sql);  ///< any number of statements without values
  Statement prepare(std::string_view sql) { return {database_.get(), sql}; }
  int64_t last_id() const;  ///< of the row that was inserted last

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

/// Undoes what was done since, unless commit() was called.
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

#include "batch/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace relievo {
namespace {

[[noreturn]] void throw_error(sqlite3* database, int code) {
  throw DatabaseError(database ? sqlite3_extended_errcode(database) : code,
                      database ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

}  // namespace

bool DatabaseError::is_about_locks() const {
  return code_ == SQLITE_IOERR_LOCK || code_ == SQLITE_IOERR_RDLOCK || code_ == SQLITE_IOERR_UNLOCK ||
         code_ == SQLITE_IOERR_CHECKRESERVEDLOCK || (code_ & 0xff) == SQLITE_PROTOCOL;
}

bool DatabaseError::is_about_the_disk() const {
  const int kind = code_ & 0xff;
  return kind == SQLITE_FULL || kind == SQLITE_READONLY || kind == SQLITE_PERM || kind == SQLITE_NOMEM ||
         (kind == SQLITE_IOERR && code_ != SQLITE_IOERR_SHORT_READ);
}

bool DatabaseError::is_busy() const {
  return (code_ & 0xff) == SQLITE_BUSY || (code_ & 0xff) == SQLITE_LOCKED;
}

void Statement::Close::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
  if (code != SQLITE_OK) throw_error(database, code);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) throw_error(sqlite3_db_handle(statement_.get()), code);
}

Statement& Statement::operator<<(int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), next_++, value));
  return *this;
}

Statement& Statement::operator<<(double value) {
  check(sqlite3_bind_double(statement_.get(), next_++, value));
  return *this;
}

Statement& Statement::operator<<(std::string_view value) {
  check(sqlite3_bind_text64(statement_.get(), next_++, value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::operator<<(std::nullopt_t) {
  check(sqlite3_bind_null(statement_.get(), next_++));
  return *this;
}

Statement& Statement::operator<<(std::span<const std::byte> bytes) {
  check(sqlite3_bind_blob64(statement_.get(), next_++, bytes.data(), bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code != SQLITE_ROW && code != SQLITE_DONE) throw_error(sqlite3_db_handle(statement_.get()), code);
  return code == SQLITE_ROW;
}

void Statement::run() {
  step();
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  next_ = 1;
}

std::optional<int64_t> Statement::integer(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_INTEGER) return {};
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<double> Statement::real(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_FLOAT) return {};
  return sqlite3_column_double(statement_.get(), column);
}

std::vector<std::byte> Statement::blob(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_BLOB) return {};
  const auto* first = static_cast<const std::byte*>(sqlite3_column_blob(statement_.get(), column));
  return {first, first + sqlite3_column_bytes(statement_.get(), column)};
}

std::optional<std::string> Statement::text(int column) const {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_TEXT) return {};
  const auto* content = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return std::string(content, static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

void Database::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

Database::Database(const std::filesystem::path& path, Access access) {
  sqlite3* database = nullptr;
  const int flags =
      access == Access::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const char* system = access == Access::kWriteWithoutLocks ? "unix-none" : nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &database, flags | SQLITE_OPEN_EXRESCODE, system);
  database_.reset(database);
  if (code != SQLITE_OK) throw_error(database, code);
  sqlite3_busy_timeout(database, 5000);
  constexpr int kMostValueBytes = 64 << 20;
  sqlite3_limit(database, SQLITE_LIMIT_LENGTH, kMostValueBytes);
  // The file may come from anywhere, so nothing that its schema says is run, and no page is trusted.
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(database, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  run("PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;");
}

void Database::run(const std::string& sql) {
  const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) throw_error(database_.get(), code);
}

int64_t Database::last_id() const { return sqlite3_last_insert_rowid(database_.get()); }

Transaction::Transaction(Database& database) : database_(database) { database_.run("BEGIN IMMEDIATE"); }

Transaction::~Transaction() {
  if (!is_open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const DatabaseError&) {  // SQLite has rolled back itself
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  is_open_ = false;
}

}  // namespace relievo

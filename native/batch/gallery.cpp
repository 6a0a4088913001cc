#include "batch/gallery.h"

#include <array>
#include <fstream>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "batch/base64.h"
#include "batch/gallery_page.h"
#include "batch/object_view.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPlaceOfFacts = "@RESULTS@";

/// Of an answer's figures, those that the report has: as the journal's answers call them.
constexpr std::array kFigures{"vertices", "faces",    "watertight",   "manifold", "components",      "euler",
                              "charts",   "coverage", "mean_stretch", "lossy",    "expected_seconds"};

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

json answer_of(const LastAttempt& last) {
  try {
    json answer = parse_json(last.answer.empty() ? "{}" : last.answer);
    if (answer.is_object()) return answer;
  } catch (const JsonError&) {  // the attempt is told of without its figures
  }
  return json::object();
}

/// An attempt as a row of the tables.
json facts_of(const LastAttempt& last) {
  const json answer = answer_of(last);
  json files = json::array();
  for (const JournalFile& file : last.files) files.push_back(file.path);
  const auto or_null = [](const auto& value) { return value ? json(*value) : json(); };
  const auto text_or_null = [](const std::string& text) { return text.empty() ? json() : json(text); };
  json facts = {{"name", last.name},
                {"folder", last.folder},
                {"picture", last.picture},
                {"state", last.state},
                {"begun", last.begun},
                {"seconds", or_null(last.seconds)},
                {"peak_bytes", or_null(last.peak_bytes)},
                {"files", files},
                {"plan", text_or_null(last.plan)},
                {"error_code", text_or_null(last.error_code)},
                {"error", text_or_null(last.error)},
                {"hint", text_or_null(last.hint)},
                {"notes", answer.value("notes", json::array())},
                {"met", answer.value("met", json())}};
  for (const char* name : kFigures) facts[name] = answer.value(name, json());
  return facts;
}

/// JSON that may stand within a page's script: nothing in it ends the script or begins a comment.
std::string for_script(const json& value) {
  std::string text;
  for (const char c : text_of(value)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

/// A field of a table with commas (RFC 4180). Text that a spreadsheet would take for a formula gets an
/// apostrophe.
std::string csv_field(const json& value) {
  if (value.is_null()) return {};
  if (!value.is_string()) return value.is_array() ? csv_field(json(text_of(value))) : text_of(value);
  std::string text = value.get<std::string>();
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos)
    text.insert(text.begin(), '\'');
  std::string quoted(1, '"');
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

/// A file that grows beside its final name and gets it in the end.
class GrowingFile {
 public:
  explicit GrowingFile(fs::path path)
      : path_(std::move(path)), temporary_(temporary_beside(path_)), stream_(temporary_, std::ios::binary) {}
  ~GrowingFile() {
    stream_.close();
    std::error_code error;
    fs::remove(temporary_, error);  // it is not there any more after finish()
  }
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  void add(std::string_view text) { stream_.write(text.data(), static_cast<std::streamsize>(text.size())); }

  void finish() {
    stream_.close();
    std::error_code error;
    if (stream_) fs::rename(temporary_, path_, error);
    if (stream_ && !error) return;
    throw Error(ErrorCode::kIo, fmt::format("Cannot write '{}'.", path_.string()),
                "Choose a folder that you may write to, on a disk with space left.");
  }

  const fs::path& path() const { return path_; }

 private:
  fs::path path_, temporary_;
  std::ofstream stream_;
};

fs::path page_path(const fs::path& folder, size_t page) {
  return folder / (page == 0 ? std::string(kReportName) : fmt::format("relievo-report-{}.html", page + 1));
}

/// The pages of the gallery, of which one is open.
class Pages {
 public:
  explicit Pages(const fs::path& folder) : folder_(folder) {}

  void add(const json& facts, const LastAttempt& last) {
    if (on_page_ == kResultsOnPage) close(true);
    open();
    json shown = facts;
    if (!last.thumbnail.empty()) shown["thumbnail"] = base64(last.thumbnail);
    const std::string view = last.state == "made" ? view_of(folder_, last.files) : std::string();
    if (!view.empty()) shown["view"] = view;
    file_->add(on_page_ == 0 ? "\n" : ",\n");
    file_->add(for_script(shown));
    ++on_page_;
  }

  void finish() {
    open();
    close(false);
    // Pages of an earlier report that had more.
    std::error_code error;
    for (size_t page = number_; fs::remove(page_path(folder_, page), error); ++page) continue;
  }

 private:
  void open() {
    if (file_) return;
    file_.emplace(page_path(folder_, number_));
    file_->add(before());
  }

  void close(bool has_next) {
    const json pages = {{"number", number_ + 1},
                        {"before", number_ > 0 ? json(page_path({}, number_ - 1).string()) : json()},
                        {"after", has_next ? json(page_path({}, number_ + 1).string()) : json()}};
    file_->add("\n], " + for_script(pages));
    file_->add(after());
    file_->finish();
    file_.reset();
    on_page_ = 0;
    ++number_;
  }

  static std::string_view before() { return kGalleryPage.substr(0, kGalleryPage.find(kPlaceOfFacts)); }
  static std::string_view after() {
    return kGalleryPage.substr(kGalleryPage.find(kPlaceOfFacts) + std::string_view(kPlaceOfFacts).size());
  }

  const fs::path& folder_;
  std::optional<GrowingFile> file_;
  size_t number_ = 0;
  size_t on_page_ = 0;
};

}  // namespace

fs::path write_gallery(const fs::path& folder, Journal& journal) {
  Pages pages(folder);
  GrowingFile lines(folder / kMetricsName), table(folder / kMetricsTableName);
  bool has_heading = false;
  journal.for_each_last_attempt([&](const LastAttempt& last) {
    const json facts = facts_of(last);
    pages.add(facts, last);
    lines.add(text_of(facts) + "\n");
    std::string heading, row;
    for (const auto& [name, value] : facts.items()) {
      if (!row.empty() || !heading.empty()) {
        heading += ',';
        row += ',';
      }
      heading += name;
      row += csv_field(value);
    }
    if (!has_heading) table.add(heading + "\r\n");
    has_heading = true;
    table.add(row + "\r\n");
  });
  pages.finish();
  lines.finish();
  table.finish();
  return page_path(folder, 0);
}

}  // namespace relievo

// The report of a batch: a gallery to look through, and the same facts as tables for other programs.
#pragma once

#include <filesystem>

#include "batch/journal.h"

namespace relievo {

inline constexpr const char* kReportName = "relievo-report.html";
inline constexpr const char* kMetricsName = "relievo-metrics.jsonl";
inline constexpr const char* kMetricsTableName = "relievo-metrics.csv";

/// The results on one page; more get further pages, `relievo-report-2.html` and so on.
inline constexpr size_t kResultsOnPage = 1000;

/// Writes the gallery of the last attempt at each result that the journal knows, and its two tables, into the
/// batch's folder; each file is whole or not there. A page holds all that it shows but what is opened from
/// the files beside it, and asks no network. Returns the first page. Throws Error{kIo}.
std::filesystem::path write_gallery(const std::filesystem::path& folder, Journal& journal);

}  // namespace relievo

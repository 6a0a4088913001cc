// Keeps the progress of a test that takes hours, so that `make test-faults` can be stopped and goes on where
// it was.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace relievo {

/// With RELIEVO_EVERY_ALLOCATION=1 (`make test-faults`) tests try all allocations, with N every N-th,
/// otherwise some of them.
inline bool tries_every_fault() { return std::getenv("RELIEVO_EVERY_ALLOCATION") != nullptr; }
inline int64_t fault_stride() {
  const char* text = std::getenv("RELIEVO_EVERY_ALLOCATION");
  return text ? std::max<int64_t>(std::atoll(text), 1) : 1;
}

/// Kept in RELIEVO_LONG_RUNS, a folder, for this test of this very program; without it, nowhere.
class LongRun {
 public:
  LongRun() {
    const char* folder = std::getenv("RELIEVO_LONG_RUNS");
    if (!folder || !tries_every_fault()) return;
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(test->test_suite_name()) + "." + test->name();
    for (char& c : name) c = c == '/' ? '_' : c;
    std::filesystem::create_directories(folder);
    path_ = std::filesystem::path(folder) / name;
    program_ = std::filesystem::last_write_time("/proc/self/exe").time_since_epoch().count();
    std::ifstream file(path_);
    long long program = 0;
    size_t done = 0;
    if (file >> program >> done && program == program_) done_ = done;
  }

  size_t done() const { return done_; }
  /// Records that so many were tried, and that none of them has failed.
  void reached(size_t done) const {
    if (path_.empty() || testing::Test::HasFailure()) return;
    std::ofstream(path_) << program_ << ' ' << done << '\n';
  }

 private:
  std::filesystem::path path_;
  long long program_ = 0;
  size_t done_ = 0;
};

}  // namespace relievo

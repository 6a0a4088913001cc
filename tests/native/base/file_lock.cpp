#include "base/file_lock.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

class FileLocks : public testing::Test {
 protected:
  FileLocks() { fs::create_directories(folder_); }
  ~FileLocks() override { fs::remove_all(folder_); }

  const fs::path folder_ = fs::temp_directory_path() / ("relievo-locks-" + std::to_string(::getpid()));
  const fs::path file_ = folder_ / "lock";
  const LockWords words_{"The folder", "Wait.", "Do without."};
};

TEST_F(FileLocks, NameTheirHolderAndGoWithIt) {
  {
    const FileLock lock(file_, words_);
    expect_error(ErrorCode::kIo, "The folder is in use by process " + std::to_string(::getpid()),
                 [&] { const FileLock second(file_, words_); });
  }
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(FileLocks, AreFreeAfterTheirRelease) {
  FileLock lock(file_, words_);
  lock.release();
  EXPECT_FALSE(fs::exists(file_));
  const FileLock second(file_, words_);
  lock.release();  // does nothing more
  EXPECT_TRUE(is_locked(file_));
}

TEST_F(FileLocks, KeepAFetchedFileFromOthers) {
  std::ofstream(file_) << "fetched";
  const std::optional<int> descriptor = open_locked(file_);
  ASSERT_TRUE(descriptor);
  EXPECT_TRUE(is_locked(file_));
  EXPECT_FALSE(open_locked(file_));
  fs::rename(file_, folder_ / "final");
  EXPECT_FALSE(has_name(*descriptor, file_));
  EXPECT_TRUE(has_name(*descriptor, folder_ / "final"));
  ::close(*descriptor);
  EXPECT_FALSE(is_locked(folder_ / "final"));
}

/// The file under the lock's name is somebody else's.
TEST_F(FileLocks, KeepFilesThatAreNoLocksAside) {
  std::ofstream(file_) << "mine";
  const FileLock lock(file_, words_);
  size_t kept = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    std::string text;
    std::getline(std::ifstream(entry.path()), text);
    kept += text == "mine" ? 1 : 0;
  }
  EXPECT_EQ(kept, 1U);
}

}  // namespace
}  // namespace relievo

#include "base/atomic_file.h"

#include <atomic>
#include <barrier>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string content(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  size_t entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_ = fs::temp_directory_path() / ("relievo-atomic-" + std::to_string(::getpid()));
};

std::span<const std::byte> bytes_of(const char* text) {
  return {reinterpret_cast<const std::byte*>(text), std::strlen(text)};
}

TEST_F(AtomicFile, WritesAndReplaces) {
  write_atomically(folder_ / "cup.glb", bytes_of("old"));
  write_atomically(folder_ / "cup.glb", bytes_of("new and longer"));
  EXPECT_EQ(content(folder_ / "cup.glb"), "new and longer");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(AtomicFile, FailedWriterLeavesTheOldFileAndNothingElse) {
  write_atomically(folder_ / "cup.glb", bytes_of("old"));
  EXPECT_THROW(write_atomically(folder_ / "cup.glb",
                                [](const fs::path& temporary) {
                                  std::ofstream(temporary) << "half";
                                  throw std::runtime_error("killed");
                                }),
               std::runtime_error);
  EXPECT_EQ(content(folder_ / "cup.glb"), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(AtomicFile, TemporaryKeepsTheExtensionAndTheFolder) {
  write_atomically(folder_ / "cup.glb", [&](const fs::path& temporary) {
    EXPECT_EQ(temporary.extension(), ".glb");
    EXPECT_EQ(temporary.parent_path(), folder_);
    EXPECT_NE(temporary.filename(), "cup.glb");
    std::ofstream(temporary) << "x";
  });
}

TEST_F(AtomicFile, MissingFolderIsAnIoErrorWithAHint) {
  try {
    write_atomically(folder_ / "missing" / "cup.glb", bytes_of("x"));
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_FALSE(error.hint().empty());
    EXPECT_NE(error.message().find("missing/cup.glb'"), std::string::npos) << error.message();
  }
}

// A limit on the file's size stands for a full disk: write(2) fails in the middle.
TEST_F(AtomicFile, DiskThatFillsUpInTheMiddleLeavesNothing) {
  const auto write_too_much = [&] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      write_atomically(folder_ / "cup.glb", std::vector<std::byte>(100'000));
    } catch (const Error& error) {
      ::_exit(error.code() == ErrorCode::kIo && entries() == 0 ? 0 : 1);
    }
    ::_exit(2);
  };
  EXPECT_EXIT(write_too_much(), testing::ExitedWithCode(0), "");
}

/// File systems have these ways; here all of them are there.
class FreeNames : public AtomicFile, public testing::WithParamInterface<FreeName> {};

TEST_P(FreeNames, AreGivenAndTakenOnesLeftAlone) {
  write_atomically(folder_ / "new", bytes_of("new"));
  write_atomically(folder_ / "cup.glb", bytes_of("old"));
  fs::create_directory(folder_ / "folder");
  fs::create_symlink("nowhere", folder_ / "link");
  for (const char* taken : {"cup.glb", "folder", "link"}) {
    EXPECT_FALSE(rename_to_free(folder_ / "new", folder_ / taken, GetParam())) << taken;
  }
  EXPECT_EQ(content(folder_ / "cup.glb"), "old");
  EXPECT_EQ(content(folder_ / "new"), "new");
  EXPECT_TRUE(rename_to_free(folder_ / "new", folder_ / "chair.glb", GetParam()));
  EXPECT_EQ(content(folder_ / "chair.glb"), "new");
  EXPECT_FALSE(fs::exists(folder_ / "new"));
  EXPECT_EQ(entries(), 4u);
}

TEST_P(FreeNames, HaveOneOfManyThatWantThem) {
  constexpr int kThreads = 4, kRounds = 100;
  std::vector<std::atomic<int>> winners(kRounds);
  std::barrier together(kThreads);
  const auto contend = [&](int thread) {
    const std::string own = std::to_string(thread);
    for (int round = 0; round < kRounds; ++round) {
      write_atomically(folder_ / ("own" + own), bytes_of(own.c_str()));
      together.arrive_and_wait();
      const fs::path wanted = folder_ / ("name" + std::to_string(round));
      if (!rename_to_free(folder_ / ("own" + own), wanted, GetParam())) continue;
      ++winners[static_cast<size_t>(round)];
      EXPECT_EQ(content(wanted), own);
    }
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(contend, thread);
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : winners) EXPECT_EQ(count, 1);
}

TEST_P(FreeNames, AreRefusedWithAReason) {
  write_atomically(folder_ / "new", bytes_of("new"));
  expect_error(ErrorCode::kIo, "absent/cup.glb",
               [&] { rename_to_free(folder_ / "new", folder_ / "absent" / "cup.glb", GetParam()); });
  EXPECT_EQ(content(folder_ / "new"), "new");
}

INSTANTIATE_TEST_SUITE_P(Ways, FreeNames,
                         testing::Values(FreeName::kRename, FreeName::kLink, FreeName::kPlaceholder));

}  // namespace
}  // namespace relievo

// Tests that results which are saved under one name at the same moment do not cost each other files.
#include <barrier>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../base/child.h"
#include "../files/sample_mesh.h"
#include "engine/engine.h"
#include "engine/staged_files.h"
#include "files/source_mark.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Saving : public testing::Test {
 protected:
  Saving() { fs::create_directories(folder_); }
  ~Saving() override { fs::remove_all(folder_); }

  /// A result called cup, of a picture that no other number has.
  static GenerateResult result(int number) {
    GenerateResult made;
    made.name = "cup";
    made.mesh = sample_mesh();
    made.mesh.provenance.settings = to_json(Settings{});
    made.mesh.provenance.checksum = checksum(number);
    return made;
  }
  static std::string checksum(int number) { return fmt::format("{:064x}", number); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  std::string text_of(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.insert(entry.path().filename().string());
    return found;
  }

  /// Each of `count` results has all its files, which say that they are its own, and there are no others.
  void expect_all(int count) const {
    std::map<std::string, std::set<std::string>> checksums;  // by the file's name without its ending
    for (const std::string& name : names()) {
      const std::string stem = fs::path(name).stem().string();
      checksums[stem.substr(0, stem.find("_albedo"))].insert(source_checksum(folder_ / name));
    }
    std::set<std::string> found;
    for (const auto& [name, own] : checksums) {
      EXPECT_EQ(own.size(), 1U) << name;
      found.insert(own.begin(), own.end());
    }
    EXPECT_EQ(found.size(), static_cast<size_t>(count));
    EXPECT_EQ(names().size(), static_cast<size_t>(4 * count));  // GLB, OBJ, MTL, PNG
  }

  const fs::path folder_ = fs::temp_directory_path() / ("relievo-saving-" + std::to_string(::getpid()));
};

TEST_F(Saving, ByManyThreadsUnderOneNameLosesNothing) {
  constexpr int kThreads = 4, kEach = 6;
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        together.arrive_and_wait();
        // The order of formats is not that of all threads.
        const std::vector<std::string> formats =
            thread % 2 == 0 ? std::vector<std::string>{"glb", "obj"} : std::vector<std::string>{"obj", "glb"};
        save_result(result(thread * kEach + i), folder_, formats);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_all(kThreads * kEach);
}

TEST_F(Saving, ByTwoProcessesUnderOneNameLosesNothing) {
  constexpr int kEach = 8;
  const fs::path go = folder_.string() + "-go";
  const auto save = [&](int first) {
    while (!fs::exists(go)) ::usleep(1000);
    for (int i = 0; i < kEach; ++i) save_result(result(first + i), folder_, {"glb", "obj"});
    return 0;
  };
  {
    Child one([&] { return save(0); }), other([&] { return save(kEach); });
    std::ofstream(go) << "go";
    EXPECT_EQ(one.status(), 0);
    EXPECT_EQ(other.status(), 0);
  }
  fs::remove(go);
  expect_all(2 * kEach);
}

TEST_F(Saving, UnderAGivenNameListsTheFolderOnlyWhereTheNameWasTakenSince) {
  const Naming given{.is_given = true};
  write("CUP.GLB", "mine");  // which name_results would have seen
  EXPECT_THAT(save_result(result(1), folder_, {"glb"}, given), ElementsAre(folder_ / "cup.glb"));
  EXPECT_THAT(save_result(result(2), folder_, {"glb"}, given), ElementsAre(folder_ / "cup_2.glb"));
  EXPECT_THAT(save_result(result(1), folder_, {"glb"}, given), ElementsAre(folder_ / "cup.glb"));
  EXPECT_THAT(save_result(result(3), folder_, {"glb"}), ElementsAre(folder_ / "cup_3.glb"));
  EXPECT_EQ(text_of("CUP.GLB"), "mine");
}

TEST_F(Saving, InAFormatThatIsNamedTwiceWritesOneFile) {
  EXPECT_THAT(save_result(result(1), folder_, {"glb", "glb"}), ElementsAre(folder_ / "cup.glb"));
}

TEST_F(Saving, LeavesNothingWhereItFails) {
  GenerateResult broken = result(1);
  broken.mesh.corner_uv.clear();
  EXPECT_THROW(save_result(broken, folder_, {"glb"}), Error);
  EXPECT_THAT(names(), testing::IsEmpty());
}

/// Files of this name are written, then a file of somebody else's comes under the name of the last.
TEST_F(Saving, TakesBackTheNamesThatItGaveWhereOneIsTaken) {
  write("cup.mtl", "mine");
  {
    StagedFiles staged(folder_, "cup");
    staged.write([](const fs::path& folder) {
      std::vector<fs::path> files;
      fs::create_directory(folder / "cup_turntable");
      for (const char* name : {"cup.obj", "cup_turntable/1.png", "cup.mtl"}) {
        std::ofstream(files.emplace_back(folder / name)) << "ours";
      }
      return files;
    });
    EXPECT_FALSE(staged.publish(OwnFiles({}, {checksum(1)})));
  }
  EXPECT_THAT(names(), ElementsAre("cup.mtl"));
  EXPECT_EQ(text_of("cup.mtl"), "mine");
}

TEST_F(Saving, SaysWhereAFileWasToBe) {
  StagedFiles staged(folder_, "cup");
  const auto fail = [](const fs::path& folder) -> std::vector<fs::path> {
    throw Error(ErrorCode::kIo, "Cannot write '" + (folder / "cup.glb").string() + "'.", "Free some space.");
  };
  try {
    staged.write(fail);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "Cannot write '" + (folder_ / "cup.glb").string() + "'.");
    EXPECT_EQ(error.hint(), "Free some space.");
  }
}

}  // namespace
}  // namespace relievo

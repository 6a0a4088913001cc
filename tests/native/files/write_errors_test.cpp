// A full disk and a read-only folder, each in a child process: what is left must be whole.
#include <csignal>
#include <cstdlib>
#include <functional>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include "files/meshes.h"
#include "sample_mesh.h"
#include "samples.h"

namespace relievo {
namespace {

/// 0 when `write` ends in Error{kIo} with a hint.
[[noreturn]] void exit_after(const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    std::_Exit(error.code() == ErrorCode::kIo && !error.hint().empty() ? 0 : 1);
  }
  std::_Exit(2);
}

/// Limits the size of files to `bytes`, as on a full disk.
void limit_files_to(rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{bytes, bytes};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

class FullDisk : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, FullDisk, testing::Values("glb", "obj", "fbx", "ply", "stl", "3mf"),
                         test_name);

TEST_P(FullDisk, LeavesNoHalfAMesh) {
  const ScratchFolder folder;
  const auto write = [&] {
    limit_files_to(300);
    write_mesh(folder.path(), "box", GetParam(), sample_mesh());
  };
  EXPECT_EXIT(exit_after(write), testing::ExitedWithCode(0), "");
  EXPECT_FALSE(std::filesystem::exists(folder / (std::string("box.") + GetParam())));
  // The files that the OBJ would have named may be there, whole; no temporary file may.
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    EXPECT_THAT(entry.path().filename(), testing::AnyOf("box_albedo.png", "box.mtl"));
  }
}

TEST(FullDisk, KeepsTheOldPicture) {
  const ScratchFolder folder;
  write_picture(folder / "a.png", Image(2, 2, 3));
  const std::string old = text_of(folder / "a.png");
  const auto write = [&] {
    limit_files_to(10);
    write_picture(folder / "a.png", Image(9, 9, 3, 0.5f));
  };
  EXPECT_EXIT(exit_after(write), testing::ExitedWithCode(0), "");
  EXPECT_EQ(text_of(folder / "a.png"), old);
  EXPECT_EQ(folder.files(), 1);
}

TEST(ReadOnlyFolder, IsIo) {
  const ScratchFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms{0555});
  const auto write = [&] {
    constexpr uid_t kNobody = 65534;  // root may write anywhere
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) std::_Exit(3);
    write_mesh(folder.path(), "box", "glb", sample_mesh());
  };
  EXPECT_EXIT(exit_after(write), testing::ExitedWithCode(0), "");
  EXPECT_EQ(folder.files(), 0);
}

}  // namespace
}  // namespace relievo

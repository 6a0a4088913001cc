#include "weights/mapped_file.h"

#include <csignal>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "samples.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

using testing::HasSubstr;

const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));

TEST(MappedFile, AFileThatIsCutWhileItIsReadIsAnErrorAndNotTheEndOfTheProcess) {
  const Scratch scratch;
  const auto path = scratch.write("cut.bin", std::string(3 * kPage + 100, 'x'));
  const MappedFile file(path), sound(scratch.write("sound.bin", std::string(10, 'y')));
  std::filesystem::resize_file(path, kPage);
  EXPECT_EQ(file.bytes()[3 * kPage + 99], std::byte{0});
  EXPECT_EQ(file.bytes()[kPage], std::byte{0});
  EXPECT_EQ(file.bytes()[0], std::byte{'x'});
  const auto [code, message] = refusal([&] { file.check(); });
  EXPECT_EQ(code, ErrorCode::kIo);
  EXPECT_THAT(message, HasSubstr(path.string()));
  EXPECT_THAT(mapped_file_damage().value().message(), HasSubstr(path.string()));
  EXPECT_NO_THROW(sound.check());
}

TEST(MappedFile, DamageEndsWithTheFile) {
  const Scratch scratch;
  const auto path = scratch.write("cut.bin", std::string(2 * kPage, 'x'));
  {
    const MappedFile file(path);
    std::filesystem::resize_file(path, 0);
    EXPECT_EQ(file.bytes()[kPage], std::byte{0});
    EXPECT_TRUE(mapped_file_damage());
  }
  EXPECT_FALSE(mapped_file_damage());
  const MappedFile again(scratch.write("cut.bin", std::string(2 * kPage, 'x')));
  EXPECT_EQ(again.bytes()[kPage], std::byte{'x'});
  EXPECT_NO_THROW(again.check());
}

TEST(MappedFile, ASignalAboutOtherMemoryEndsTheProcessAsBefore) {
  const Scratch scratch;
  const auto path = scratch.write("other.bin", std::string(2 * kPage, 'x'));
  const MappedFile ours(path);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  auto* bytes = static_cast<const volatile char*>(::mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, fd, 0));
  ::close(fd);
  std::filesystem::resize_file(path, 0);
  EXPECT_EXIT(static_cast<void>(bytes[0]), testing::KilledBySignal(SIGBUS), "");
  ::munmap(const_cast<char*>(bytes), 2 * kPage);
}

TEST(MappedFile, APipeIsRefusedAndNotWaitedFor) {
  const Scratch scratch;
  const auto path = scratch.folder() / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(refusal([&] { read_weights(path); }).first, ErrorCode::kIo);
}

// The header says more than the file has by the time it is looked at: the readers must not report the zeros.
TEST(MappedFile, ReadersSayThatTheFileWasCut) {
  const Scratch scratch;
  const std::string header = R"({"w":{"dtype":"U8","shape":[20000],"data_offsets":[0,20000]}})";
  const auto path =
      scratch.write("m.safetensors", raw<uint64_t>(header.size()) + header + std::string(20000, 'x'));
  const TensorFile file = read_safetensors(path);
  std::filesystem::resize_file(path, kPage);
  EXPECT_EQ(file.at("w").bytes.back(), std::byte{0});
  EXPECT_TRUE(mapped_file_damage());
}

}  // namespace
}  // namespace relievo

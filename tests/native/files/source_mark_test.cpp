// Tests that a file names the picture that it was made of, and tells nothing of the folders above it.
#include "files/source_mark.h"

#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "files/animation.h"
#include "files/exr_channels.h"
#include "files/meshes.h"
#include "files/pictures.h"
#include "sample_mesh.h"
#include "samples.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

const std::string kChecksum = std::string(32, '0') + std::string(32, 'e');

Provenance provenance() {
  return {.picture = "/home/jane.doe/secret_client/Relievo cup.png",
          .model = "preview",
          .settings = R"({"depth":1,"mask_file":"C:\\Users\\jane.doe\\mask.png",)"
                      R"("precision":"auto","views":["/home/jane.doe/views/a.png","/home/jane.doe/b/"]})",
          .version = "9.8.7",
          .checksum = kChecksum};
}

void write(const fs::path& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }
void write(const fs::path& path, const std::vector<std::byte>& bytes) {
  write(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

/// A file of each kind that a result can have.
std::vector<fs::path> all_kinds(const fs::path& folder, const Provenance& source) {
  TexturedMesh mesh = sample_mesh();
  mesh.normal_map = sample_normal_map();
  mesh.provenance = source;
  std::vector<fs::path> files;
  for (const char* format : {"glb", "obj", "fbx", "ply", "stl", "3mf"}) {
    const auto written = write_mesh(folder, "cup", format, mesh);
    files.insert(files.end(), written.begin(), written.end());
  }
  const float pixel = 0;
  files.push_back(folder / "cup.exr");
  write(files.back(), encode_exr_channels(1, 1, std::vector<ExrChannel>{{"R", &pixel}}, source));
  files.push_back(folder / "cup.webp");
  const std::vector<std::vector<std::byte>> frames{encode_animation_frame(ByteImage(8, 8, 3))};
  write(files.back(), encode_animation(frames, 40, source));
  return files;
}

TEST(SourceMark, IsInEveryKindOfFile) {
  const ScratchFolder folder;
  const auto files = all_kinds(folder.path(), provenance());
  EXPECT_EQ(files.size(), 11u);
  for (const fs::path& file : files) EXPECT_EQ(source_checksum(file), kChecksum) << file;
}

TEST(SourceMark, IsNotThereWithoutAChecksum) {
  const ScratchFolder folder;
  Provenance source = provenance();
  source.checksum = {};
  for (const fs::path& file : all_kinds(folder.path(), source)) EXPECT_EQ(source_checksum(file), "") << file;
}

TEST(SourceMark, OfAFileThatIsCutShortIsReadWithoutHarm) {
  const ScratchFolder folder;
  for (const fs::path& file : all_kinds(folder.path(), provenance())) {
    const std::string whole = text_of(file);
    for (size_t size = 0; size < std::min<size_t>(whole.size(), 3000); size += size < 64 ? 1 : 13) {
      write(folder / "cut", whole.substr(0, size));
      EXPECT_THAT(source_checksum(folder / "cut"), testing::AnyOf("", kChecksum)) << file << ' ' << size;
    }
    write(folder / "cut", whole.substr(0, 20));
    EXPECT_EQ(source_checksum(folder / "cut"), "") << file;
  }
}

TEST(SourceMark, OfAnotherProgramsFileIsNotOurs) {
  const ScratchFolder folder;
  const std::string line = std::string(kChecksumKey) + ": " + kChecksum + "\n";
  const std::vector<std::pair<std::string, std::string>> kFiles{
      {"a.obj", "# Blender 4.5\n# " + line},
      {"b.obj", "o cup\n# Relievo 9.8.7\n# " + line},
      {"c.obj", "# Relievo 9.8.7\n# relievo_picture_sha256: none\n"},
      {"a.ply", "ply\nformat ascii 1.0\ncomment Relievo 9.8.7\ncomment " + line},
      {"a.txt", "Relievo 9.8.7\n" + line},
      {"a.webp", "RIFF....WEBP" + line}};
  for (const auto& [name, text] : kFiles) {
    write(folder / name, text);
    EXPECT_EQ(source_checksum(folder / name), "") << name;
  }
  // This is what Blender makes of an imported GLB: its own generator, and properties of the objects kept.
  const nlohmann::json asset{{"generator", "Khronos glTF Blender I/O v4.5"},
                             {"extras", {{kChecksumKey, kChecksum}}}};
  const std::string json = nlohmann::json{{"asset", asset}}.dump();
  std::string glb("glTF\2\0\0\0....", 12);
  glb.append({static_cast<char>(json.size()), 0, 0, 0}).append("JSON").append(json);
  write(folder / "a.glb", glb);
  EXPECT_EQ(source_checksum(folder / "a.glb"), "");
  EXPECT_EQ(source_checksum(folder / "not there"), "");
  EXPECT_EQ(source_checksum(folder.path()), "");
}

TEST(SourceMark, OfADeeplyNestedFileIsReadWithoutHarm) {
  const ScratchFolder folder;
  const std::string json = R"({"asset":)" + std::string(60000, '[');
  const auto size = static_cast<uint32_t>(json.size());
  std::string glb("glTF\2\0\0\0....", 12);
  glb.append(reinterpret_cast<const char*>(&size), 4).append("JSON").append(json);
  write(folder / "deep.glb", glb);
  EXPECT_EQ(source_checksum(folder / "deep.glb"), "");
}

TEST(SourceMark, IsPutBesideTheFramesOfABlendFile) {
  const ScratchFolder folder;
  const std::string frame = "\x28\xb5\x2f\xfd some compressed data";
  // Two frames of 8 bytes each in the list, 2 as their number, no flags.
  std::string list("\x5e\x2a\x4d\x18\x19\0\0\0", 8);
  list += std::string(16, '\1') + std::string("\2\0\0\0\0\xb1\xea\x92\x8f", 9);
  for (const std::string& end : {list, std::string()}) {
    write(folder / "cup.blend", frame + end);
    EXPECT_EQ(source_checksum(folder / "cup.blend"), "");
    mark_blend(folder / "cup.blend", provenance());
    EXPECT_EQ(source_checksum(folder / "cup.blend"), kChecksum);
    const std::string marked = text_of(folder / "cup.blend");
    EXPECT_TRUE(marked.starts_with(frame + std::string("\x50\x2a\x4d\x18", 4)));
    EXPECT_TRUE(marked.ends_with(end));
    uint32_t size = 0;
    std::memcpy(&size, &marked[frame.size() + 4], sizeof(size));
    EXPECT_EQ(marked.size(), frame.size() + 8 + size + end.size());
  }
  write(folder / "plain.blend", "BLENDER-v405");
  expect_error(ErrorCode::kInvalidSettings, "plain.blend",
               [&] { mark_blend(folder / "plain.blend", provenance()); });
  expect_error(ErrorCode::kIo, "none", [&] { mark_blend(folder / "none", provenance()); });
}

TEST(Provenance, NamesNoFolderInFilesForOthers) {
  const ScratchFolder folder;
  for (const fs::path& file : all_kinds(folder.path(), provenance())) {
    EXPECT_EQ(text_of(file).find("jane.doe"), std::string::npos) << file;
  }
  const auto lines = provenance_lines(provenance());
  EXPECT_THAT(
      lines, testing::ElementsAre(
                 "Relievo 9.8.7", "relievo_picture_sha256: " + kChecksum, "picture: Relievo cup.png",
                 "model: preview",
                 R"(settings: {"depth":1,"mask_file":"mask.png","precision":"auto","views":["a.png","b"]})"));
}

}  // namespace
}  // namespace relievo

#include "batch/object_view.h"

#include <cstring>

#include <gmock/gmock.h>

#include "base/json.h"
#include "batch/base64.h"
#include "files/meshes.h"
#include "files/pictures.h"
#include "scratch.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string text_of(std::string_view text) { return base64(std::as_bytes(std::span(text))); }

TEST(Base64, IsThatOfRfc4648) {
  EXPECT_EQ(text_of(""), "");
  EXPECT_EQ(text_of("f"), "Zg==");
  EXPECT_EQ(text_of("fo"), "Zm8=");
  EXPECT_EQ(text_of("foo"), "Zm9v");
  EXPECT_EQ(text_of("foobar"), "Zm9vYmFy");
  EXPECT_EQ(text_of("\xff\xfe\xfd"), "//79");
}

std::string from_base64(std::string_view text) {
  const std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(digits.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 255);
  }
  return bytes;
}

/// A GLB file in parts: what it describes, and the content of each of its buffer views.
struct Glb {
  explicit Glb(const std::string& file) {
    uint32_t length = 0, bytes = 0;
    std::memcpy(&length, &file[8], 4);
    EXPECT_EQ(length, file.size());
    std::memcpy(&bytes, &file[12], 4);
    EXPECT_EQ(bytes % 4, 0u);
    document = parse_json(std::string_view(file).substr(20, bytes));
    for (const json& view : document["bufferViews"]) {
      const size_t offset = view.value("byteOffset", size_t{0});
      EXPECT_EQ(offset % 4, 0u);
      contents.push_back(file.substr(28 + bytes + offset, view["byteLength"]));
    }
  }
  json document;
  std::vector<std::string> contents;
};

class ObjectView : public Scratch {
 protected:
  /// Writes the GLB file of a tetrahedron with such a texture.
  std::vector<JournalFile> write_object(int width, int height) {
    TexturedMesh mesh;
    mesh.surface.vertices = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    mesh.surface.faces = {{0, 2, 1}, {0, 1, 3}, {1, 2, 3}, {0, 3, 2}};
    mesh.corner_uv.assign(4, {Float2{0, 0}, Float2{1, 0}, Float2{0, 1}});
    mesh.albedo = ByteImage(width, height, 3, 200);
    fs::create_directories(folder / "out/sub");
    write_mesh(folder / "out/sub", "cup", "glb", mesh);
    return {{"sub/cup_sheet.png", 1, "s"}, {"sub/cup.glb", 1, "first"}};
  }

  std::string view(const std::vector<JournalFile>& files) { return view_of(folder / "out", files); }
};

TEST_F(ObjectView, HandsTheObjectOverWithASmallerTexture) {
  const auto files = write_object(2048, 1024);
  EXPECT_EQ(view(files), "sub/cup_view.js");
  const std::string text = read("out/sub/cup_view.js");
  const std::string begin = "/* Relievo: an object for relievo-report.html, of first */\nshowObject(\"";
  ASSERT_TRUE(text.starts_with(begin)) << text.substr(0, 100);
  ASSERT_TRUE(text.ends_with("\");\n"));
  const Glb original(read("out/sub/cup.glb")),
      shown(from_base64(std::string_view(text).substr(begin.size(), text.size() - begin.size() - 4)));
  EXPECT_EQ(shown.document["accessors"], original.document["accessors"]);
  EXPECT_EQ(shown.document["meshes"], original.document["meshes"]);
  ASSERT_EQ(shown.contents.size(), original.contents.size());
  const size_t texture = shown.document["images"][0]["bufferView"];
  for (size_t i = 0; i < shown.contents.size(); ++i) {
    if (i == texture) continue;
    EXPECT_EQ(shown.contents[i], original.contents[i]);
  }
  EXPECT_EQ(shown.document["images"][0]["mimeType"], "image/webp");
  EXPECT_EQ(shown.document["textures"][0]["extensions"]["EXT_texture_webp"]["source"], 0);
  EXPECT_EQ(shown.document["extensionsRequired"], json::array({"EXT_texture_webp"}));
  const Image picture = read_picture(std::as_bytes(std::span(shown.contents[texture])), "texture");
  EXPECT_EQ(std::pair(picture.width, picture.height), std::pair(1024, 512));
  EXPECT_NEAR(picture.pixel(500, 200)[1], 200 / 255.0, 0.01);
}

TEST_F(ObjectView, IsWrittenOnceForEachObject) {
  auto files = write_object(64, 64);
  view(files);
  const fs::path path = folder / "out/sub/cup_view.js";
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(5);
  fs::last_write_time(path, long_ago);
  EXPECT_EQ(view(files), "sub/cup_view.js");
  EXPECT_EQ(fs::last_write_time(path), long_ago);
  files[1].sha256 = "second";
  EXPECT_EQ(view(files), "sub/cup_view.js");
  EXPECT_THAT(read("out/sub/cup_view.js"), HasSubstr("of second */"));
}

TEST_F(ObjectView, LeavesSomebodysFileOfThatNameAlone) {
  const auto files = write_object(64, 64);
  write("out/sub/cup_view.js", "alert(1)");
  EXPECT_EQ(view(files), "");
  EXPECT_EQ(read("out/sub/cup_view.js"), "alert(1)");
}

TEST_F(ObjectView, IsNotMadeOfWhatIsNoSoundGlb) {
  const auto files = write_object(64, 64);
  EXPECT_EQ(view({files[0]}), "");
  const std::string glb = read("out/sub/cup.glb");
  std::string without_texture = glb;
  without_texture[glb.find("\x89PNG") + 1] = 'Q';
  for (const std::string& content : {glb.substr(0, 10), glb.substr(0, 40), glb.substr(0, glb.size() / 2),
                                     without_texture, std::string("no mesh"), std::string()}) {
    write("out/sub/cup.glb", content);
    EXPECT_EQ(view(files), "") << content.size();
  }
  fs::remove(folder / "out/sub/cup.glb");
  EXPECT_EQ(view(files), "");
  EXPECT_THAT(names("out/sub"), ElementsAre());
}

}  // namespace
}  // namespace relievo

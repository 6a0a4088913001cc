#include "train/data/make_data.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <zip.h>

#include "../expect_error.h"
#include "base/json.h"
#include "base/vectors.h"
#include "train/data/generate.h"
#include "train/data/read_objects.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr SampleSettings kSmall{.views = 1, .picture_side = 32, .depth_side = 16};

/// A folder of its own for each test.
class MakeData : public testing::Test {
 protected:
  fs::path folder_ = fs::path(testing::TempDir()) / ("relievo_data_" + std::to_string(getpid()));
  void SetUp() override {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  DataCounts make(const std::vector<ObjectEntry>& objects, DataSettings settings = {.samples = kSmall}) {
    return make_data(objects, folder_ / "data", settings);
  }
  std::vector<nlohmann::json> lines_of(const char* name) {
    std::ifstream file(folder_ / "data" / name);
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(parse_json(line));
    return lines;
  }
};

ObjectEntry broken_entry() {
  return {{"broken", "test", "things", "CC0", "nobody"}, []() -> Object {
            throw Error(ErrorCode::kInvalidImage, "It is broken in the middle.", "Mend it.");
          }};
}

std::vector<ObjectEntry> three_and_a_broken_one() {
  auto objects = list_objects({.generated = 3});
  objects.push_back(broken_entry());
  return objects;
}

TEST_F(MakeData, RefusesABrokenObjectWithItsReasonAndMakesTheOthers) {
  const DataCounts counts = make(three_and_a_broken_one());
  EXPECT_EQ(counts.made, 3);
  EXPECT_EQ(counts.refused, 1);
  const auto refused = lines_of("refused.jsonl");
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0]["name"], "broken");
  EXPECT_EQ(refused[0]["reason"], "It is broken in the middle.");
  const auto listed = lines_of("objects.jsonl");
  ASSERT_EQ(listed.size(), 4u);
  EXPECT_EQ(listed[0]["family"], "generated-vessel");
  for (const auto& object : listed) {
    for (const char* key : {"licence", "author", "source", "part"})
      EXPECT_FALSE(object[key].get<std::string>().empty());
  }
}

TEST_F(MakeData, GoesOnWhereItWasStopped) {
  make(three_and_a_broken_one());
  const fs::path samples = folder_ / "data" / "samples";
  const auto bytes_of = [](const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string before = bytes_of(samples / "generated-00001.safetensors");
  fs::remove(samples / "generated-00001.safetensors");
  int loaded = 0;
  auto objects = three_and_a_broken_one();
  for (ObjectEntry& entry : objects) {
    entry.load = [&loaded, load = entry.load] { return ++loaded, load(); };
  }
  const DataCounts counts = make(objects);
  EXPECT_EQ(loaded, 1);
  EXPECT_EQ(counts.made, 1);
  EXPECT_EQ(counts.kept, 2);
  EXPECT_EQ(counts.refused, 1);
  EXPECT_EQ(bytes_of(samples / "generated-00001.safetensors"), before);
  EXPECT_EQ(make(objects, {.samples = kSmall, .retry_refused = true}).refused, 1);
  EXPECT_EQ(loaded, 2);
}

TEST_F(MakeData, ThreadsDoNotChangeTheSamples) {
  const auto objects = list_objects({.generated = 4});
  make(objects, {.samples = kSmall, .threads = 1});
  const auto read = [&] { return read_safetensors(folder_ / "data/samples/generated-00003.safetensors"); };
  const TensorFile one = read();
  fs::rename(folder_ / "data", folder_ / "first");
  make(objects, {.samples = kSmall, .threads = 3});
  const TensorFile three = read();
  for (const char* name : {"picture", "points", "distances", "depths", "colours", "camera"}) {
    EXPECT_TRUE(std::ranges::equal(one.at(name).bytes, three.at(name).bytes)) << name;
  }
  EXPECT_EQ(one.at("points").shape, (std::vector<int64_t>{1, kPointsOfView, 3}));
}

TEST_F(MakeData, OtherSettingsNeedAnotherFolder) {
  const auto objects = list_objects({.generated = 1});
  make(objects);
  expect_error(ErrorCode::kInvalidSettings, "other settings",
               [&] { make(objects, {.samples = kSmall, .seed = 9}); });
}

TEST_F(MakeData, CancellingKeepsWhatWasMade) {
  const CancelToken cancel;
  const auto objects = list_objects({.generated = 3});
  EXPECT_THROW(make_data(objects, folder_ / "data", {.samples = kSmall}, cancel,
                         [&](const DataCounts&) { cancel.cancel(); }),
               Error);
  EXPECT_EQ(make(objects).kept, 1);
}

/// What one's own catalogue and folder need.
void write_zip(const fs::path& path, const std::map<std::string, std::string>& files) {
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const auto& [name, text] : files) {
    zip_file_add(zip, name.c_str(), zip_source_buffer(zip, text.data(), text.size(), 0), ZIP_FL_OVERWRITE);
  }
  ASSERT_EQ(zip_close(zip), 0);
}

constexpr const char* kTetrahedron =
    "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 2 0\nv 0 0 1\nusemtl red\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";

TEST_F(MakeData, ReadsACatalogueOfFurnitureInsideItsArchive) {
  write_zip(folder_ / "some.sh3f",
            {{"PluginFurnitureCatalog.properties",
              "license=CC-BY "
              "3.0\r\nid#1=Some#lamp\r\nname#1=L\\u00e4mp\r\nmodel#1=/some/a.obj\r\ncreator#1=Ann\r\n"},
             {"some/a.obj", kTetrahedron},
             {"some/a.mtl", "newmtl red\nKd 1 0 0\n"}});
  const auto objects = list_objects({.furniture = {folder_}});
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(objects[0].origin.name, "sweethome3d-Some-lamp");
  EXPECT_EQ(objects[0].origin.licence, "CC-BY 3.0");
  EXPECT_EQ(objects[0].origin.author, "Ann");
  Object object = objects[0].load();
  normalise(object);
  EXPECT_EQ(object.surface.faces.size(), 4u);
  // y is up in an OBJ file: the longest side stands.
  float low = 1, high = -1;
  for (const Float3& v : object.surface.vertices) {
    low = std::min(low, v[2]);
    high = std::max(high, v[2]);
  }
  EXPECT_NEAR(high - low, 1, 1e-6);
  EXPECT_EQ(colour_at(object, 0, {1, 0, 0}), (Float3{1, 0, 0}));
}

TEST_F(MakeData, OwnMeshesMustSayWhoseTheyAre) {
  fs::create_directories(folder_ / "mine/chairs");
  std::ofstream(folder_ / "mine/chairs/a.obj") << kTetrahedron;
  expect_error(ErrorCode::kInvalidSettings, "does not say",
               [&] { list_objects({.meshes = {folder_ / "mine"}}); });
  std::ofstream(folder_ / "mine/origin.json") << R"({"source": "mine", "licence": "CC0", "author": "me"})";
  const auto objects = list_objects({.meshes = {folder_ / "mine"}});
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(objects[0].origin.family, "chairs");
  EXPECT_EQ(objects[0].load().surface.faces.size(), 4u);
}

/// Assimp 5.2.5 takes a first byte of binary data that is a line end for one, and what follows for other
/// numbers.
TEST_F(MakeData, APlyFileThatWouldBeMisreadIsRefused) {
  const auto write = [&](const char* name, uint32_t first) {
    std::ofstream file(folder_ / name, std::ios::binary);
    file << "ply\nformat binary_little_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
            "property float z\nelement face 4\nproperty list uchar int vertex_indices\nend_header\n";
    const std::array<float, 12> places{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1};
    file.write(reinterpret_cast<const char*>(&first), 4);
    file.write(reinterpret_cast<const char*>(places.data() + 1), 44);
    for (const std::array<int32_t, 3>& face : {std::array{0, 2, 1}, {0, 1, 3}, {1, 2, 3}, {2, 0, 3}}) {
      file.put(3);
      file.write(reinterpret_cast<const char*>(face.data()), 12);
    }
  };
  write("sound.ply", 0);
  write("misread.ply", 0x3300000a);  // 3e-8
  std::ofstream(folder_ / "origin.json") << R"({"source": "mine", "licence": "CC0", "author": "me"})";
  const auto objects = list_objects({.meshes = {folder_}});
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[1].load().surface.faces.size(), 4u);
  expect_error(ErrorCode::kInvalidImage, "end of a line", [&] { objects[0].load(); });
}

TEST_F(MakeData, ACutArchiveIsRefused) {
  std::ofstream(folder_ / "ChairFactory_1.npz") << "PK no archive";
  const auto objects = list_objects({.infinigen = {folder_}});
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(objects[0].origin.family, "Chair");
  expect_error(ErrorCode::kIo, "zip archive", [&] { objects[0].load(); });
}

TEST(HeldOut, IsDecidedByFamilyAndNameForEver) {
  // The digests are Python's: int(hashlib.sha256(b"Chair/a03").hexdigest()[:8], 16) % 100.
  EXPECT_EQ(part_of({"a03", "", "Chair", "", ""}), Part::kTraining);
  EXPECT_EQ(part_of({"a53", "", "Chair", "", ""}), Part::kHeldOutObject);
  for (const char* family :
       {"ToiletFactory", "Bathtub", "Microwave", "SpiralStaircase", "NautilusBase", "Wineglass"}) {
    EXPECT_EQ(part_of({"any", "", family, "", ""}), Part::kHeldOutFamily) << family;
  }
}

TEST(Generator, MakesClosedObjectsOfTenFamilies) {
  std::set<std::string> families;
  for (int number = 0; number < 60; ++number) {
    families.insert(generated_origin(number).family);
    const Object object = generate_object(number);
    // Each edge of places is walked as often one way as the other.
    std::map<std::pair<Float3, Float3>, int> balance;
    double volume = 0;
    for (const Int3& face : object.surface.faces) {
      std::array<Float3, 3> p{};
      for (size_t i = 0; i < 3; ++i) p[i] = object.surface.vertices[static_cast<size_t>(face[i])];
      volume += dot(p[0], cross(p[1], p[2])) / 6;
      for (size_t i = 0; i < 3; ++i) {
        const Float3 &a = p[i], &b = p[(i + 1) % 3];
        balance[std::minmax(a, b)] += a < b ? 1 : a == b ? 0 : -1;
      }
    }
    EXPECT_GT(volume, 0) << number;
    for (const auto& [edge, sum] : balance) EXPECT_EQ(sum, 0) << number;
  }
  EXPECT_EQ(families.size(), 10u);
}

}  // namespace
}  // namespace relievo

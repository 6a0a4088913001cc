#include "weights/catalogue.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "../test_data.h"
#include "base/sha256.h"
#include "samples.h"

namespace relievo {
namespace {

using testing::HasSubstr;

const std::string kFile = R"({"path":"a.ckpt","url":"https://example.org/a.ckpt","bytes":3,"sha256":null})";

std::string catalogue_of(const std::string& file,
                         const std::string& more = R"("stages":["reconstruct"],"embedded":false)") {
  return R"({"version":1,"models":[{"name":"a","title":"A","licence":"MIT",)" + more + R"(,"files":[)" +
         file + "]}]}";
}

TEST(Catalogue, TheProgramsOwnIsValidAndComplete) {
  std::vector<std::string> names;
  for (const CatalogueModel& model : catalogue()) names.push_back(model.name);
  EXPECT_THAT(names, testing::IsSupersetOf({"preview", "u2net", "zero123plus-v1.2", "instant-mesh-base",
                                            "instant-mesh-large", "instant-nerf-base", "instant-nerf-large",
                                            "triposr"}));
}

TEST(Catalogue, SaysWhichModelsSeeThePictureItself) {
  for (const CatalogueModel& model : catalogue()) {
    EXPECT_EQ(model.one_picture, model.name == "preview" || model.name == "triposr") << model.name;
  }
}

// Sizes and digests by the public pointers of the pinned revisions.
TEST(Catalogue, PinsThePublishedFiles) {
  struct Published {
    const char *model, *path, *revision;
    uint64_t bytes;
    const char* sha256;
  };
  constexpr const char *kInstantMesh =
                           "TencentARC/InstantMesh/resolve/b785b4ecfb6636ef34a08c748f96f6a5686244d0",
                       *kZero123 =
                           "sudo-ai/zero123plus-v1.2/resolve/2da07e89919e1a130c9b5add1584c70c7aa065fd",
                       *kTripoSr = "stabilityai/TripoSR/resolve/5b521936b01fbe1890f6f9baed0254ab6351c04a";
  constexpr Published kPublished[] = {
      {"zero123plus-v1.2", "unet/diffusion_pytorch_model.bin", kInstantMesh, 1732056502,
       "9d78d78421d1feb6871d13e13e86ed8099628648d7d9c51ffca9015b7d5fa3c4"},
      {"zero123plus-v1.2", "vae/diffusion_pytorch_model.safetensors", kZero123, 167335342,
       "3e4c08995484ee61270175e9e7a072b66a6e4eeb5f0c266667fe1f45b90daf9a"},
      {"instant-mesh-base", "instant_mesh_base.ckpt", kInstantMesh, 1253574354,
       "22701cd25201d624ebb1568b93cf91b43a2c32006835c08fe73e1f3c9f6c44b5"},
      {"instant-mesh-large", "instant_mesh_large.ckpt", kInstantMesh, 1514818077,
       "329f7aae9b583fd7c1b27d0221463db7b808a03c48a1f7aa26649af6a03b91a1"},
      {"instant-nerf-base", "instant_nerf_base.ckpt", kInstantMesh, 1253151890,
       "bcbfff8be8545f8206110f432afddedfb4311abc1146b843ab2bdb6678f8d9c9"},
      {"instant-nerf-large", "instant_nerf_large.ckpt", kInstantMesh, 1514088389,
       "530a344ea9b856e012492b9644ab73532ddf7c06d548f60c489e49a528322fb9"},
      {"triposr", "model.ckpt", kTripoSr, 1677246742,
       "429e2c6b22a0923967459de24d67f05962b235f79cde6b032aa7ed2ffcd970ee"}};
  for (const Published& published : kPublished) {
    const auto& files = catalogue_model(published.model).files;
    const auto file = std::ranges::find(files, published.path, &CatalogueFile::path);
    ASSERT_NE(file, files.end()) << published.path;
    EXPECT_EQ(file->bytes, published.bytes) << published.path;
    EXPECT_EQ(file->sha256, published.sha256) << published.path;
    EXPECT_THAT(file->url, HasSubstr(published.revision));
  }
  for (const CatalogueFile& file : catalogue_model("zero123plus-v1.2").files) {
    EXPECT_EQ(file.about.has_value(), !file.sha256) << file.path;
    EXPECT_THAT(file.url, testing::AnyOf(HasSubstr(kZero123), HasSubstr(kInstantMesh)));
  }
}

TEST(Catalogue, TellsWhatWorksTogether) {
  const auto sets = sets_with("instant-mesh-large");
  ASSERT_EQ(sets.size(), 2u);
  EXPECT_EQ(sets[0].title, "InstantMesh (large) with Zero123++ v1.2");
  EXPECT_THAT(sets[0].models, testing::ElementsAre("instant-mesh-large", "zero123plus-v1.2"));
  EXPECT_EQ(sets[1].title, "InstantMesh (large) with your own views");
  EXPECT_THAT(sets[1].models, testing::ElementsAre("instant-mesh-large"));
  ASSERT_EQ(sets_with("triposr").size(), 1u);
  EXPECT_EQ(sets_with("triposr")[0].title, "TripoSR");
  for (const char* name : {"preview", "u2net", "zero123plus-v1.2"})
    EXPECT_TRUE(sets_with(name).empty()) << name;
}

// The catalogue says this of the file that the repository itself holds.
TEST(Catalogue, TheEmbeddedFileIsTheOneThatIsThere) {
  const CatalogueFile& file = catalogue_model("preview").files.front();
  const std::filesystem::path path = test_data() / "../../models" / file.path;
  EXPECT_EQ(std::filesystem::file_size(path), file.bytes);
  EXPECT_EQ(file_sha256(path), file.sha256);
}

TEST(Catalogue, TellsWhatMayBeUsedForAnythingAndWhatItWeighs) {
  for (const CatalogueModel& model : catalogue()) {
    EXPECT_EQ(is_free(model), model.name != "zero123plus-v1.2") << model.name;
  }
  EXPECT_EQ(size_of(catalogue_model("triposr")), 1677246742u);
  // Three of its five files are known to a few per mille only.
  EXPECT_EQ(size_of(catalogue_model("zero123plus-v1.2")),
            1732056502u + 167335342 + 1260000000 + 681000000 + 2600);
  const std::string unknown = R"({"path":"b","url":"https://example.org/b","bytes":null,"sha256":null})";
  EXPECT_EQ(size_of(parse_catalogue(catalogue_of(unknown)).front()), std::nullopt);
}

TEST(Catalogue, ParsesStrictly) {
  EXPECT_EQ(parse_catalogue(catalogue_of(kFile)).front().files.front().bytes, 3u);
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string file = kFile;
    return catalogue_of(file.replace(file.find(from), from.size(), to));
  };
  for (const std::string& bad :
       {std::string("{}"),
        std::string("[]"),
        std::string("{"),
        changed("a.ckpt", "../a.ckpt"),
        changed("a.ckpt", "/a.ckpt"),
        changed("a.ckpt", "a/"),
        changed("a.ckpt", "a//b"),
        changed("a.ckpt", ".hidden"),
        changed("https:", "ftp:"),
        changed("\"https://example.org/a.ckpt\"", "null"),
        changed(":3", ":-3"),
        changed(":3", ":\"3\""),
        changed(":3", ":0"),
        changed("null", "\"abc\""),
        changed("\"bytes\"", "\"size\""),
        changed("\"bytes\":3", "\"bytes\":3,\"about_bytes\":3"),
        changed("\"bytes\":3", "\"bytes\":null,\"about_bytes\":\"3\""),
        catalogue_of(kFile, R"("stages":["reconstruct"],"untried":1,"embedded":false)"),
        catalogue_of(kFile + "," + kFile),
        catalogue_of(""),
        catalogue_of(kFile, R"("stages":["dance"],"embedded":false)"),
        catalogue_of(kFile, R"("stages":[],"embedded":true)"),
        catalogue_of(kFile, R"("stages":["reconstruct"],"one_picture":1,"embedded":false)")}) {
    EXPECT_EQ(refusal([&] { parse_catalogue(bad); }).first, ErrorCode::kModelCorrupt) << bad;
  }
}

TEST(Catalogue, AMissingModelComesWithTheCommandThatFetchesIt) {
  const Scratch scratch;
  try {
    find_model("instant-mesh-large", scratch.folder());
    FAIL() << "was found";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModelMissing);
    EXPECT_THAT(error.hint(), HasSubstr("relievo models fetch instant-mesh-large"));
  }
  EXPECT_EQ(refusal([&] { find_model("no-such", scratch.folder()); }).first, ErrorCode::kModelMissing);
}

TEST(Catalogue, FindsFilesAndOtherNamesOfComponents) {
  const Scratch scratch;
  for (const char* file : {"model_index.json", "unet/diffusion_pytorch_model.bin",
                           "vae/diffusion_pytorch_model.bin", "vision_encoder/model.safetensors"})
    scratch.write(std::string("zero123plus-v1.2/") + file, "x");
  EXPECT_THAT(refusal([&] { find_model("zero123plus-v1.2", scratch.folder()); }).second,
              HasSubstr("'text_encoder/model.safetensors' is missing"));
  scratch.write("zero123plus-v1.2/text_encoder/pytorch_model.bin", "x");
  const ModelFiles found = find_model("zero123plus-v1.2", scratch.folder());
  EXPECT_EQ(found.files.at("vae/diffusion_pytorch_model.safetensors").filename(),
            "diffusion_pytorch_model.bin");
}

}  // namespace
}  // namespace relievo

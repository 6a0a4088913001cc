#include "weights/catalogue.h"

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
  // Its checkpoint's size and digest, by the public pointer of the pinned revision.
  const CatalogueFile& file = catalogue_model("triposr").files.at(0);
  EXPECT_EQ(file.bytes, 1677246742u);
  EXPECT_EQ(file.sha256, "429e2c6b22a0923967459de24d67f05962b235f79cde6b032aa7ed2ffcd970ee");
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
  EXPECT_EQ(size_of(catalogue_model("zero123plus-v1.2")), std::nullopt);
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

#include "weights/catalogue.h"

#include <gmock/gmock.h>

#include "samples.h"
#include "weights/sha256.h"

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
  EXPECT_THAT(names,
              testing::IsSupersetOf({"preview", "u2net", "zero123plus-v1.2", "instant-mesh-base",
                                     "instant-mesh-large", "instant-nerf-base", "instant-nerf-large"}));
}

// What the catalogue says of the file that the repository itself holds.
TEST(Catalogue, TheEmbeddedFileIsTheOneThatIsThere) {
  const CatalogueFile& file = catalogue_model("preview").files.front();
  const std::filesystem::path path = std::filesystem::path(RELIEVO_TEST_DATA) / "../../models" / file.path;
  EXPECT_EQ(std::filesystem::file_size(path), file.bytes);
  EXPECT_EQ(file_sha256(path), file.sha256);
}

TEST(Catalogue, ParsesStrictly) {
  EXPECT_EQ(parse_catalogue(catalogue_of(kFile)).front().files.front().bytes, 3u);
  const auto changed = [](const std::string& from, const std::string& to) {
    std::string file = kFile;
    return catalogue_of(file.replace(file.find(from), from.size(), to));
  };
  for (const std::string& bad :
       {std::string("{}"), std::string("[]"), std::string("{"), changed("a.ckpt", "../a.ckpt"),
        changed("a.ckpt", "/a.ckpt"), changed("a.ckpt", "a/"), changed("a.ckpt", "a//b"),
        changed("a.ckpt", ".hidden"), changed("https:", "ftp:"),
        changed("\"https://example.org/a.ckpt\"", "null"), changed(":3", ":-3"), changed(":3", ":\"3\""),
        changed(":3", ":0"), changed("null", "\"abc\""), changed("\"bytes\"", "\"size\""),
        catalogue_of(kFile + "," + kFile), catalogue_of(""),
        catalogue_of(kFile, R"("stages":["dance"],"embedded":false)"),
        catalogue_of(kFile, R"("stages":[],"embedded":true)")}) {
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
              HasSubstr("text_encoder/model.safetensors is missing"));
  scratch.write("zero123plus-v1.2/text_encoder/pytorch_model.bin", "x");
  const ModelFiles found = find_model("zero123plus-v1.2", scratch.folder());
  EXPECT_EQ(found.files.at("vae/diffusion_pytorch_model.safetensors").filename(),
            "diffusion_pytorch_model.bin");
}

// Examples of FIPS 180-4 (csrc.nist.gov, "SHA256.pdf") and, for the padding's borders, of coreutils'
// sha256sum.
TEST(Sha256, AgreesWithPublishedExamples) {
  const auto digest = [](const std::string& message, size_t step) {
    Sha256 hash;
    for (size_t at = 0; at < message.size(); at += step)
      hash.add(std::as_bytes(std::span(message).subspan(at, std::min(step, message.size() - at))));
    return hash.finish();
  };
  EXPECT_EQ(digest("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc", 1), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  for (const size_t step : {1, 7, 56, 64})
    EXPECT_EQ(digest(two_blocks, step), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1'000'000, 'a'), 1000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(digest(std::string(55, 'x'), 55),
            "d5e285683cd4efc02d021a5c62014694958901005d6f71e89e0989fac77e4072");
  EXPECT_EQ(digest(std::string(63, 'x'), 63),
            "75220b47218278e656f2013bb8f0c455a25eaf01e86c64924e9d48d89776d6f2");
  EXPECT_EQ(digest(std::string(64, 'x'), 64),
            "7ce100971f64e7001e8fe5a51973ecdfe1ced42befe7ee8d5fd6219506b5393c");
  EXPECT_EQ(digest(std::string(119, 'x'), 119),
            "000b48d4edf0fa7bee3c6236ecd2785baa5db4eeb8bb54341b029e0d9fa5fb0c");
}

}  // namespace
}  // namespace relievo

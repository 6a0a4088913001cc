// A weight file that is cut while a job computes with it.
#include <filesystem>

#include "tiny_pipeline.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// A file that is as it was when this ends.
class Restored {
 public:
  explicit Restored(fs::path file) : file_(std::move(file)), copy_(file_.string() + ".whole") {
    fs::copy_file(file_, copy_);
  }
  ~Restored() { fs::rename(copy_, file_); }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;

 private:
  fs::path file_, copy_;
};

using CutWeights = TinyPipelineTest;

TEST_F(CutWeights, EndTheJobWithAnErrorThatNamesTheFileAndNotTheProcess) {
  const fs::path weights = TinyModels::folder() / kTinyModel / "instant_mesh_base.ckpt";
  TinyPicture picture{tiny_request(0)};
  picture.request.settings.precision = "fp32";  // weights stay in their file
  const auto bits = TinyPipeline(1).make_one(picture).bits();
  {
    const Restored restored(weights);
    TinyPipeline pipeline(1);
    bool is_cut = false;
    pipeline.watch = [&](const std::string& stage, Moment moment, const Worker&) {
      if (stage != "reconstruct" || moment != Moment::kInside || std::exchange(is_cut, true)) return;
      fs::resize_file(weights, 4096);
    };
    const Made made = pipeline.make_one(picture);
    ASSERT_TRUE(is_cut);
    ASSERT_TRUE(made.error);
    // The stage opens the file once more after it was cut, and may find that out before the mapped pages do.
    const ErrorCode code = made.error->code();
    EXPECT_TRUE(code == ErrorCode::kIo || code == ErrorCode::kModelCorrupt) << made.error->what();
    EXPECT_NE(made.error->message().find(weights.string()), std::string::npos) << made.error->message();
  }
  const Made again = TinyPipeline(1).make_one(picture);
  ASSERT_FALSE(again.error) << again.error->what();
  EXPECT_TRUE(same(again.bits(), bits));
}

}  // namespace
}  // namespace relievo

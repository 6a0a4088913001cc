#include "foreground/u2net.h"

#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "nn/layers.h"

namespace relievo {
namespace {

enum class Depths {
  // All levels at half the size of the one above (RSU-7 to RSU-4).
  kPooled,
  // All levels at one size, with ever wider dilation (RSU-4F).
  kDilated,
};

at::Tensor halved(const at::Tensor& x) {
  return at::max_pool2d(x, /*kernel_size=*/2, /*stride=*/2, /*padding=*/0, /*dilation=*/1,
                        /*ceil_mode=*/true);
}

at::Tensor at_size_of(const at::Tensor& x, const at::Tensor& like) {
  const auto size = like.sizes().slice(2);
  return x.sizes().slice(2) == size ? x : at::upsample_bilinear2d(x, size, /*align_corners=*/false);
}

std::shared_ptr<Conv2d> convolution(int64_t in, int64_t out, int64_t dilation = 1) {
  return std::make_shared<Conv2d>(in, out, 3, ConvSettings{.padding = dilation, .dilation = dilation});
}

/// A residual U-block (section 3.1 of the paper), from `[B, in, H, W]` to `[B, out, H, W]`.
struct UBlock : Group {
  UBlock(int depth, Depths depths, int64_t in, int64_t middle, int64_t out) : depths_(depths) {
    const auto dilation = [&](int level) -> int64_t {
      if (depths == Depths::kDilated) return int64_t{1} << (level - 1);
      return level == depth ? 2 : 1;
    };
    first_ = add("rebnconvin.conv_s1", convolution(in, out));
    for (int level = 1; level <= depth; ++level) {
      down_.push_back(add("rebnconv" + std::to_string(level) + ".conv_s1",
                          convolution(level == 1 ? out : middle, middle, dilation(level))));
    }
    for (int level = 1; level < depth; ++level) {
      up_.push_back(add("rebnconv" + std::to_string(level) + "d.conv_s1",
                        convolution(2 * middle, level == 1 ? out : middle, dilation(level))));
    }
  }

  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor input = at::relu(first_->forward(x));
    at::Tensor y = input;
    std::vector<at::Tensor> levels;
    for (size_t i = 0; i < down_.size(); ++i) {
      const bool is_smaller = depths_ == Depths::kPooled && i > 0 && i + 1 < down_.size();
      y = at::relu(down_[i]->forward(is_smaller ? halved(y) : y));
      levels.push_back(y);
    }
    for (size_t i = up_.size(); i-- > 0;) {
      y = at::relu(up_[i]->forward(at::cat({at_size_of(y, levels[i]), levels[i]}, 1)));
    }
    return y + input;
  }

 private:
  Depths depths_;
  std::shared_ptr<Conv2d> first_;
  std::vector<std::shared_ptr<Conv2d>> down_, up_;
};

constexpr int kStages = 6;

struct StageShape {
  int depth;
  Depths depths;
  int64_t middle, out;  // channels of the encoder's block
  // Channels of the decoder's block, which the last stage does not have.
  int64_t decoder_middle, decoder_out;
};

StageShape stage_shape(U2NetSize size, int stage) {
  constexpr StageShape kFull[kStages] = {
      {7, Depths::kPooled, 32, 64, 16, 64},      {6, Depths::kPooled, 32, 128, 32, 64},
      {5, Depths::kPooled, 64, 256, 64, 128},    {4, Depths::kPooled, 128, 512, 128, 256},
      {4, Depths::kDilated, 256, 512, 256, 512}, {4, Depths::kDilated, 256, 512, 0, 0},
  };
  const StageShape& full = kFull[stage];
  if (size == U2NetSize::kFull) return full;
  return {full.depth, full.depths, 16, 64, 16, 64};
}

std::string stage_name(int stage) { return "stage" + std::to_string(stage + 1); }

}  // namespace

struct U2Net::Stages {
  std::vector<std::shared_ptr<UBlock>> encoder;  // stage1..stage6
  std::vector<std::shared_ptr<UBlock>> decoder;  // stage1d..stage5d
  std::vector<std::shared_ptr<Conv2d>> sides;    // side1..side6
  std::shared_ptr<Conv2d> out;
};

U2Net::U2Net(U2NetSize size) : stages_(std::make_shared<Stages>()) {
  int64_t below = 3;
  for (int i = 0; i < kStages; ++i) {
    const StageShape shape = stage_shape(size, i);
    stages_->encoder.push_back(register_module(
        stage_name(i), std::make_shared<UBlock>(shape.depth, shape.depths, below, shape.middle, shape.out)));
    below = shape.out;
  }
  for (int i = 0; i < kStages; ++i) {
    const StageShape shape = stage_shape(size, i);
    const bool is_last = i + 1 == kStages;
    if (!is_last) {
      const StageShape next = stage_shape(size, i + 1);
      const int64_t deeper = i + 2 == kStages ? next.out : next.decoder_out;
      stages_->decoder.push_back(register_module(
          stage_name(i) + "d", std::make_shared<UBlock>(shape.depth, shape.depths, deeper + shape.out,
                                                        shape.decoder_middle, shape.decoder_out)));
    }
    stages_->sides.push_back(register_module("side" + std::to_string(i + 1),
                                             convolution(is_last ? shape.out : shape.decoder_out, 1)));
  }
  stages_->out = register_module("outconv", std::make_shared<Conv2d>(kStages, 1, 1));
}

std::array<at::Tensor, 7> U2Net::forward(const at::Tensor& pixels, const Observer& observer) {
  // On a processor, convolutions are quickest where channels lie last (nn/convolution.h).
  const at::Tensor first = pixels.contiguous(at::MemoryFormat::ChannelsLast);
  std::vector<at::Tensor> levels;
  for (int i = 0; i < kStages; ++i) {
    levels.push_back(stages_->encoder[i]->forward(i == 0 ? first : halved(levels.back())));
    observe(observer, stage_name(i), levels.back());
  }
  for (int i = kStages - 2; i >= 0; --i) {
    const at::Tensor deeper = at_size_of(levels[i + 1], levels[i]);
    levels[i] = stages_->decoder[i]->forward(at::cat({deeper, levels[i]}, 1));
    observe(observer, stage_name(i) + "d", levels[i]);
  }
  std::vector<at::Tensor> sides;
  for (int i = 0; i < kStages; ++i) {
    sides.push_back(at_size_of(stages_->sides[i]->forward(levels[i]), pixels));
  }
  std::array<at::Tensor, 7> maps{at::sigmoid(stages_->out->forward(at::cat(sides, 1)))};
  for (int i = 0; i < kStages; ++i) maps[i + 1] = at::sigmoid(sides[i]);
  return maps;
}

}  // namespace relievo

// Folders for trainings that take a second.
#pragma once

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "train/data/make_data.h"
#include "train/learn/train_config.h"

namespace relievo {

/// A folder that is empty at the beginning of each test, with samples in `data`.
class SmallData : public testing::Test {
 protected:
  std::filesystem::path folder_;

  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("relievo_learn_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    make_data(list_objects({.generated = 3}), folder_ / "data", {.samples = {.views = 1}});
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  TrainConfig config(const std::string& run) const { return small_config(folder_, run); }

 public:
  static TrainConfig small_config(const std::filesystem::path& folder, const std::string& run) {
    TrainConfig config;
    config.data = {folder / "data"};
    config.output = folder / run;
    config.model = {.width = 24, .blocks = 2, .heads = 2, .channels = 8, .hidden = 16};
    config.steps = 6;
    config.batch = 4;
    config.warm_up = 2;
    config.save_every = 3;
    config.log_every = 2;
    config.precision = Precision::kFloat32;
    config.held_out_too = true;
    config.longest_gradient = 1e9;  // a gradient that is cut hides its length
    return config;
  }
};

}  // namespace relievo

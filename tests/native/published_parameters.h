// The parameter lists of the published models, in tests/data/golden.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/nn/module.h>
#include <zlib.h>

#include "test_data.h"

namespace relievo {

/// `name`: of the file in the fixtures' folder.
inline nlohmann::json published_counts(const std::string& name = "counts.json.gz") {
  const char* golden = std::getenv("RELIEVO_GOLDEN");
  const std::filesystem::path folder = golden ? golden : test_data() / "golden";
  const gzFile file = gzopen((folder / name).c_str(), "rb");
  EXPECT_NE(file, nullptr) << folder;
  std::string text;
  char chunk[65536];
  for (int n = 0; file && (n = gzread(file, chunk, sizeof chunk)) > 0;)
    text.append(chunk, static_cast<size_t>(n));
  gzclose(file);
  return nlohmann::json::parse(text);
}

/// Names, shapes and the number of parameters, both ways, but for those that the published model itself does
/// not use (`unused`). `prefix`: of the published names.
inline void expect_published(const torch::nn::Module& network, const nlohmann::json& published,
                             const std::string& prefix = {}) {
  nlohmann::json ours, theirs;
  int64_t parameters = 0;
  for (const auto& item : network.named_parameters()) {
    ours[prefix + item.key()] = item.value().sizes().vec();
    parameters += item.value().numel();
  }
  for (const auto& [tensor, facts] : published.at("tensors").items()) theirs[tensor] = facts.at(0);
  for (const auto& tensor : published.value("unused", nlohmann::json::array())) {
    int64_t count = 1;
    for (const int64_t extent : theirs.at(tensor.get<std::string>())) count *= extent;
    parameters += count;
    theirs.erase(tensor.get<std::string>());
  }
  EXPECT_EQ(nlohmann::json::diff(theirs, ours), nlohmann::json::array());
  EXPECT_EQ(parameters, published.at("n_parameters").get<int64_t>());
  EXPECT_TRUE(network.named_buffers().is_empty());
}

}  // namespace relievo

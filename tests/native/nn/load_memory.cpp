// Measures the memory that loading takes, in a process of its own.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../weights/samples.h"
#include "nn/layers.h"
#include "nn/tensors.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

constexpr int kLayers = 4;
constexpr int64_t kSide = 4096;
constexpr double kFileBytes = 4.0 * kLayers * kSide * kSide;

struct Net : Group {
  Net() {
    for (int i = 0; i < kLayers; ++i)
      layers.push_back(add(fmt::format("layer{}", i), std::make_shared<Linear>(kSide, kSide, Bias::kNo)));
  }
  std::vector<std::shared_ptr<Linear>> layers;
};

/// A checkpoint of 268 MB, with the last weight stored transposed.
void write_checkpoint(const std::filesystem::path& path) {
  std::string code = "}(";
  code.append(text("state_dict"));
  code.append("}(");
  for (int i = 0; i < kLayers; ++i) {
    const bool is_last = i + 1 == kLayers;
    code.append(text(fmt::format("lrm_generator.layer{}.weight", i)));
    code.append(tensor(std::to_string(i), kSide * kSide, 0, {kSide, kSide},
                       is_last ? std::vector<int64_t>{1, kSide} : std::vector<int64_t>{kSide, 1}));
  }
  code.append("uu");
  std::vector<ZipEntry> entries{{"mmm/data.pkl", pickle(code)}};
  // PyTorch aligns the data. Here a name's length does: 30 bytes of header and 10 of `mmm/data/0`.
  while ((30 + entries[0].name.size() + entries[0].content.size()) % 4 != 0)
    entries[0].content.push_back('\n');
  for (int i = 0; i < kLayers; ++i) {
    std::string data(4 * kSide * kSide, '\0');
    const float one = 1;
    for (size_t at = 0; at < data.size(); at += sizeof one) std::memcpy(&data[at], &one, sizeof one);
    entries.push_back({fmt::format("mmm/data/{}", i), std::move(data)});
  }
  std::ofstream(path, std::ios::binary) << zip(entries);
}

double anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    double kibibytes = 0;
    if (key == "RssAnon:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

/// Loads the file and prints how far anonymous memory rose at most, and how far it had risen at the end.
void load_and_print(const char* path, at::ScalarType dtype) {
  // Memory that torch allocates once is not counted.
  at::ones({1 << 20}).to(at::kBFloat16).sum().item<float>();
  const double before = anonymous_bytes();
  std::atomic<bool> is_done = false;
  double highest = 0;
  std::thread watcher([&] {
    while (!is_done) {
      highest = std::max(highest, anonymous_bytes() - before);
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  });
  Net net;
  Execution execution;
  execution.dtype = dtype;
  load_strict(net, read_weights(path), "lrm_generator.", execution);
  const double held = anonymous_bytes() - before;
  is_done = true;
  watcher.join();
  std::printf("measured %f %f %f\n", highest, held, net.layers.back()->weight[3][5].item<float>());
}

struct Measured {
  double highest = -1, held = -1, value = 0;
};

Measured in_a_child(const std::filesystem::path& path, const std::string& dtype) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command =
      fmt::format("RELIEVO_LOAD='{}' RELIEVO_LOAD_AS={} '{}' --gtest_filter='LoadMemory.*'", path.string(),
                  dtype, program);
  FILE* pipe = ::popen(command.c_str(), "r");
  Measured measured;
  char line[256];
  while (pipe && std::fgets(line, sizeof line, pipe))
    std::sscanf(line, "measured %lf %lf %lf", &measured.highest, &measured.held, &measured.value);
  EXPECT_EQ(::pclose(pipe), 0);
  return measured;
}

TEST(LoadMemory, StaysWithinTheFile) {
  if (const char* path = std::getenv("RELIEVO_LOAD")) {
    load_and_print(path, std::string(std::getenv("RELIEVO_LOAD_AS")) == "bf16" ? at::kBFloat16 : at::kFloat);
    return;
  }
  const Scratch scratch;
  const std::filesystem::path path = scratch.folder() / "large.ckpt";
  write_checkpoint(path);
  const Measured single = in_a_child(path, "fp32"), half = in_a_child(path, "bf16");
  EXPECT_EQ(single.value, 1);
  EXPECT_EQ(half.value, 1);
  EXPECT_GE(single.highest, 0);
  // One of the four is transposed and must be copied; the others stay in the file.
  EXPECT_LE(single.highest, 0.35 * kFileBytes);
  EXPECT_LE(half.highest, 0.6 * kFileBytes);
  EXPECT_GE(half.held, 0.45 * kFileBytes);
  std::printf("anonymous bytes a byte of the file: float32 %.3f, bfloat16 %.3f\n",
              single.highest / kFileBytes, half.highest / kFileBytes);
}

}  // namespace
}  // namespace relievo

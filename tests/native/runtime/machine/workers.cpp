#include "runtime/machine/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;
const WorkerSources kSources{5, 12 * kGiB, {24 * kGiB, 16 * kGiB}};

std::string refusal(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
    EXPECT_FALSE(error.hint().empty());
    return error.message();
  }
  ADD_FAILURE() << "was accepted";
  return {};
}

TEST(Workers, ReadsSizes) {
  EXPECT_EQ(parse_bytes("3GiB"), 3 * kGiB);
  EXPECT_EQ(parse_bytes("1.5GiB"), kGiB * 3 / 2);
  EXPECT_EQ(parse_bytes("80GB"), 80'000'000'000);
  for (const char* text : {"", "3", "GiB", "-1GiB", "3 GiB", "3gib", "1e30TiB", "nanGiB", "0GiB"}) {
    EXPECT_EQ(refusal([&] { parse_bytes(text); }), std::string("Invalid size of memory '") + text + "'.");
  }
}

TEST(Workers, DividesTheProcessor) {
  const auto workers = parse_workers("cpu*2@3GiB", kSources);
  ASSERT_EQ(workers.size(), 2U);
  EXPECT_EQ(workers[0].name, "cpu#0");
  EXPECT_EQ(workers[0].threads + workers[1].threads, 5);
  EXPECT_EQ(workers[1].budget_bytes, 3 * kGiB);
  EXPECT_EQ(parse_workers("cpu*3", kSources)[2].budget_bytes, 4 * kGiB);
}

TEST(Workers, NamesGpusAndPartsOfThem) {
  const auto workers = parse_workers("cuda:1@8GiB, cuda:0*2", kSources);
  ASSERT_EQ(workers.size(), 3U);
  EXPECT_EQ(workers[0].device, 1);
  EXPECT_EQ(workers[0].budget_bytes, 8 * kGiB);
  EXPECT_EQ(workers[1].name, "cuda:0#0");
  EXPECT_EQ(workers[2].budget_bytes, 12 * kGiB);
  EXPECT_EQ(parse_workers("cuda", kSources).size(), 2U);
}

TEST(Workers, KnowTheirSpeedThreadsAndProduct) {
  WorkerSources sources = kSources;
  sources.cpu_name = "a processor";
  sources.gpu_names = {"a card", "another card"};
  const auto workers = parse_workers("cpu*2,cuda:1,cuda:0*2", sources);
  ASSERT_EQ(workers.size(), 5U);
  EXPECT_EQ(workers[0].speed, 3);  // threads: of five
  EXPECT_EQ(workers[1].speed, 2);
  EXPECT_EQ(workers[1].product, "a processor");
  EXPECT_EQ(workers[2].speed, kGpuSpeed);
  EXPECT_EQ(workers[2].product, "another card");
  EXPECT_EQ(workers[2].threads, 2);  // of five, over two cards
  EXPECT_EQ(workers[3].speed, kGpuSpeed / 2);
  EXPECT_EQ(workers[3].threads, 1);
}

TEST(Workers, SaysWhatIsWrong) {
  const std::vector<std::pair<const char*, const char*>> wrong{
      {"", "Invalid list of devices ''"},
      {"cpu,,cpu", "Invalid list of devices 'cpu,,cpu'"},
      {"tpu", "Unknown device 'tpu'"},
      {"cuda:", "Unknown device 'cuda:'"},
      {"cuda:-1", "Unknown device 'cuda:-1'"},
      {"cuda:2", "this machine has 2 CUDA devices"},
      {"cuda:0,cuda:0", "named twice"},
      {"cuda,cuda:1", "named twice"},
      {"cuda:0@25GiB", "24.00 GiB free"},
      {"cpu*2@7GiB", "12.00 GiB free"},
      {"cpu*0", "Invalid number '0' in 'cpu*0'"},
      {"cpu*x", "Invalid number 'x'"},
      {"cpu*6@1GiB", "5 processor threads"},
      {"cpu@lots", "Invalid size of memory 'lots'"}};
  for (const auto& [text, message] : wrong) {
    EXPECT_THAT(refusal([&] { parse_workers(text, kSources); }), testing::HasSubstr(message)) << text;
  }
  EXPECT_THAT(refusal([] { parse_workers("cuda", {1, kGiB, {}}); }), testing::HasSubstr("No CUDA device"));
}

TEST(Workers, AGpuThatCannotBeUsedIsLeftOut) {
  WorkerSources sources{4, int64_t{8} << 30, {0, int64_t{24} << 30}};
  for (const auto& workers : {default_workers(sources), parse_workers("cuda", sources)}) {
    ASSERT_EQ(workers.size(), 1u);
    EXPECT_EQ(workers[0].name, "cuda:1");
  }
  expect_error(ErrorCode::kInvalidSettings, "cannot be used", [&] { parse_workers("cuda:0", sources); });
  sources.gpu_free_bytes = {0};
  EXPECT_EQ(default_workers(sources)[0].name, "cpu");
  expect_error(ErrorCode::kInvalidSettings, "No CUDA device", [&] { parse_workers("cuda", sources); });
}

TEST(Workers, ImaginesClusters) {
  const auto workers = parse_imaginary_workers("2x80GiB,1x24GiB@0.5", 3);
  ASSERT_EQ(workers.size(), 9U);
  EXPECT_EQ(workers[4].name, "node1:80GiB#1");
  EXPECT_EQ(workers[8].name, "node2:24GiB.1#0");
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(workers[size_t(i)].node, i / 3);
    EXPECT_EQ(workers[size_t(i)].device, i) << "no two nodes share a device";
  }
  EXPECT_EQ(parse_imaginary_workers("8x80GiB", 125).size(), 1000U);
  EXPECT_FALSE(refusal([] { parse_imaginary_workers("8x80GiB", 126); }).empty());
}

TEST(Workers, ImaginesMachines) {
  const auto workers = parse_imaginary_workers("8x80GiB,2x24GiB@0.5");
  ASSERT_EQ(workers.size(), 10U);
  EXPECT_EQ(workers[7].budget_bytes, 80 * kGiB);
  EXPECT_EQ(workers[9].speed, 0.5 * kGpuSpeed);
  for (const char* text :
       {"80GiB", "0x80GiB", "8x", "8x80GiB@0", "8x80GiB@fast", "1001x1GiB", "600x1GiB,600x1GiB"}) {
    EXPECT_FALSE(refusal([&] { parse_imaginary_workers(text); }).empty()) << text;
  }
}

WorkerSources of_three_kinds(const std::string& cpu_half) {
  WorkerSources sources{4, 8 * kGiB, {8 * kGiB, 24 * kGiB, 80 * kGiB}};
  sources.gpu_computes = {75, 80};  // Turing, Ampere, and one that does not tell
  sources.cpu_half = cpu_half;
  return sources;
}

TEST(HalfPrecision, IsTheOneThatEachDeviceIsFastIn) {
  std::vector<std::string> halves;
  for (const Worker& worker : parse_workers("cuda:0*2,cuda:1,cuda:2,cpu", of_three_kinds(""))) {
    halves.push_back(worker.half);
  }
  EXPECT_EQ(halves, (std::vector<std::string>{"fp16", "fp16", "bf16", "bf16", ""}));
  EXPECT_EQ(parse_workers("cpu", of_three_kinds("bf16")).front().half, "bf16");
  EXPECT_EQ(default_workers(of_three_kinds("")).front().compute, 75);
  EXPECT_EQ(half_of_gpu(89), "bf16");
  EXPECT_EQ(half_of_gpu(121), "bf16");
}

TEST(HalfPrecision, OfWorkersTogetherIsOneThatAllAreFastIn) {
  const auto together = [](const char* words, const char* cpu_half) {
    return fast_precision(parse_workers(words, of_three_kinds(cpu_half)));
  };
  EXPECT_EQ(together("cuda:0", ""), "fp16");
  EXPECT_EQ(together("cuda:1,cuda:2", ""), "bf16");
  EXPECT_EQ(together("cuda:0,cuda:1", ""), "fp16");
  EXPECT_EQ(together("cuda:1,cpu", ""), "fp32");
  EXPECT_EQ(together("cuda:1,cpu", "bf16"), "bf16");
  EXPECT_EQ(together("cuda:0,cpu", "bf16"), "fp32") << "no processor is fast in fp16";
  EXPECT_EQ(together("cpu*2", ""), "fp32");
}

}  // namespace
}  // namespace relievo

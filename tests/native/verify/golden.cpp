// All fixtures, and whether their checks could fail at all.
#include "verify/golden.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"
#include "../test_data.h"
#include "base/error.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

fs::path golden_folder() {
  const char* golden = std::getenv("RELIEVO_GOLDEN");
  return golden ? golden : test_data() / "golden";
}

/// Returns whether tensors may stay unread, because nothing covers them yet.
bool may_be_unread(const std::string& name) { return name.starts_with("synthesizer_nerf/render/"); }

/// A fixture that RELIEVO_GOLDEN does not hold is skipped, and CI takes a skip for a failure.
class Golden : public testing::TestWithParam<std::string> {
 protected:
  Golden() : copy_(fs::temp_directory_path() / ("relievo-golden-" + std::to_string(::getpid()))) {}
  ~Golden() override { fs::remove_all(copy_); }

  void SetUp() override {
    if (!fixture_folders(golden_folder()).contains(GetParam())) GTEST_SKIP() << "There is no " << GetParam();
  }
  fs::path folder() const { return fixture_folders(golden_folder()).at(GetParam()); }
  fs::path copy_;
};

TEST_P(Golden, EveryTensorIsReadAndAgrees) {
  Fixture fixture(GetParam(), folder());
  ASSERT_TRUE(check_fixture(fixture));
  EXPECT_GT(fixture.comparisons().size(), 0u);
  for (const Comparison& c : fixture.comparisons()) {
    EXPECT_LE(c.error, c.tolerance) << c.case_name << " " << c.tensor;
  }
  for (const std::string& name : fixture.unread()) EXPECT_TRUE(may_be_unread(name)) << name;
}

at::Float32Precision of_convolutions() {
  return at::globalContext().float32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV);
}

std::atomic<int> g_with_tf32{0}, g_without{0};

TEST(GoldenPrecision, NoOperationOfACheckMayRoundToTf32) {
  if (!fixture_folders(golden_folder()).contains("u2netp")) GTEST_SKIP() << "There is no u2netp";
  ASSERT_EQ(of_convolutions(), at::Float32Precision::TF32) << "torch's own choice";
  const auto look = [](const at::RecordFunction&) -> std::unique_ptr<at::ObserverContext> {
    ++(of_convolutions() == at::Float32Precision::IEEE ? g_without : g_with_tf32);
    return nullptr;
  };
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(look));
  Fixture fixture("u2netp", fixture_folders(golden_folder()).at("u2netp"));
  EXPECT_TRUE(check_fixture(fixture));
  at::removeCallback(handle);
  EXPECT_GT(g_without, 100);
  EXPECT_EQ(g_with_tf32, 0);
  EXPECT_EQ(of_convolutions(), at::Float32Precision::TF32);
}

/// Changes one element of a tensor by clearly more than its tolerance.
void perturb(std::span<std::byte> bytes, DType dtype, double tolerance, std::mt19937& random) {
  const size_t size = element_size(dtype), at = random() % (bytes.size() / size) * size;
  const auto change = [&]<typename T>(T amount) {
    T value;
    std::memcpy(&value, &bytes[at], sizeof value);
    value = static_cast<T>(value + amount);
    std::memcpy(&bytes[at], &value, sizeof value);
  };
  switch (dtype) {
    case DType::kFloat64:
      return change(10 * tolerance + 1e-3);
    case DType::kFloat32:
      return change(static_cast<float>(10 * tolerance + 1e-3));
    case DType::kInt64:
      return change(int64_t{1});
    case DType::kInt32:
      return change(int32_t{1});
    case DType::kInt16:
      return change(int16_t{1});
    case DType::kUInt8:
      return change(uint8_t{100});
    case DType::kFloat16:
    case DType::kBFloat16:
      bytes[at + 1] ^= std::byte{0x40};  // the highest bit of the exponent
      return;
    case DType::kBool:
      bytes[at] ^= std::byte{1};
      return;
    default:
      FAIL() << "no fixture has outputs of type " << dtype_name(dtype);
  }
}

// One element of every compared tensor is changed; each comparison must notice its own.
TEST_P(Golden, AnyChangedOutputIsNoticed) {
  Fixture clean(GetParam(), folder());
  ASSERT_TRUE(check_fixture(clean));
  std::map<std::string, double> tolerances;
  for (const Comparison& c : clean.comparisons())
    tolerances[c.tensor] = std::max(tolerances[c.tensor], c.tolerance);

  std::mt19937 random(11);
  std::map<std::string, TensorView, std::less<>> tensors = clean.io().tensors;
  std::map<std::string, std::vector<std::byte>> changed;
  for (const auto& [name, tolerance] : tolerances) {
    if (!tensors.contains(name) || tensors[name].bytes.empty()) continue;
    TensorView& view = tensors[name];
    std::vector<std::byte>& bytes = changed[name];
    bytes.assign(view.bytes.begin(), view.bytes.end());
    perturb(bytes, view.dtype, tolerance, random);
    view.bytes = bytes;
  }
  // The neighbours are copied, too, because the file may refer to their weights.
  const fs::path copied = copy_ / folder().filename();
  if (folder().parent_path() == golden_folder()) {
    fs::create_directories(copy_);
    fs::copy(folder(), copied);
  } else {
    fs::copy(folder().parent_path(), copy_, fs::copy_options::recursive);
  }
  fs::permissions(copied, fs::perms::owner_all);
  fs::permissions(copied / "io.safetensors", fs::perms::owner_all);
  write_safetensors(copied / "io.safetensors", tensors);

  Fixture fixture(GetParam(), copied);
  ASSERT_TRUE(check_fixture(fixture));
  std::map<std::string, bool> noticed;
  for (const Comparison& c : fixture.comparisons()) noticed[c.tensor] |= !c.passed();
  EXPECT_FALSE(changed.empty());
  for (const auto& [name, bytes] : changed) EXPECT_TRUE(noticed[name]) << name;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Golden, testing::ValuesIn(fixture_names()), [](const auto& fixture) {
  std::string name = fixture.param;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

TEST(GoldenReport, EveryFolderOfTheFixturesHasAChecker) {
  const std::vector<std::string> names = fixture_names();
  for (const auto& [name, path] : fixture_folders(golden_folder())) {
    EXPECT_NE(std::ranges::find(names, name), names.end()) << name;
  }
}

TEST(GoldenReport, NamesWhatIsNotCovered) {
  const fs::path folder = fs::temp_directory_path() / ("relievo-unheard-of-" + std::to_string(::getpid()));
  fs::create_directories(folder / "unheard_of");
  fs::copy(fixture_folders(golden_folder()).begin()->second, folder / "unheard_of",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const GoldenReport report = run_golden(folder);
  fs::remove_all(folder);
  EXPECT_EQ(report.unsupported, (std::vector<std::string>{"unheard_of"}));
  EXPECT_EQ(report.cases, 0);
}

TEST(GoldenReport, FolderWithoutFixturesIsAnError) {
  expect_error(ErrorCode::kIo, "/nonexistent", [] { run_golden("/nonexistent"); });
  expect_error(ErrorCode::kIo, "no fixtures", [] { run_golden("/proc/self/fdinfo"); });
}

TEST(Fixture, ComparisonFailsOnShapeAndOnNotANumber) {
  const fs::path folder = fs::temp_directory_path() / ("relievo-fixture-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const float values[] = {1, 2};
  write_safetensors(folder / "io.safetensors",
                    {{"a/x", {DType::kFloat32, {2}, std::as_bytes(std::span(values))}}});
  write_safetensors(folder / "config.json", {});
  expect_error(ErrorCode::kIo, "config.json", [&] { const Fixture broken("f", folder); });
  fs::copy_file(fixture_folders(golden_folder()).begin()->second / "config.json", folder / "config.json",
                fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  Fixture fixture("f", folder);
  fixture.compare("a/x", at::tensor({1.0f, 2.0f}), {});
  fixture.compare("a/x", at::tensor({1.0f, 2.0f, 3.0f}), {.absolute = 100});
  fixture.compare("a/x", at::tensor({1.0f, std::numeric_limits<float>::quiet_NaN()}), {.absolute = 100});
  fixture.compare("a/x", at::Tensor(), {.absolute = 100});
  fixture.compare("a/x", at::tensor({1.5f, 2.0f}), {.absolute = 0.1, .relative = 0.1});
  std::vector<bool> passed;
  for (const Comparison& c : fixture.comparisons()) passed.push_back(c.passed());
  EXPECT_EQ(passed, (std::vector<bool>{true, false, false, false, false}));
  fs::remove_all(folder);
}

}  // namespace
}  // namespace relievo

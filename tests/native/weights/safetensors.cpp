#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>

#include <gtest/gtest.h>
#include <unistd.h>

#include "../expect_error.h"
#include "base/error.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

class Safetensors : public testing::Test {
 protected:
  void TearDown() override { fs::remove(path_); }

  /// Writes a file with this header text and data and reads it.
  TensorFile read(const std::string& header, const std::string& data) {
    std::string bytes(8, '\0');
    const uint64_t length = header.size();
    std::memcpy(bytes.data(), &length, 8);
    return read_bytes(bytes + header + data);
  }

  TensorFile read_bytes(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    return read_safetensors(path_);
  }

  /// The code of the error that reading throws.
  ErrorCode refusal(const std::string& header, const std::string& data) {
    try {
      read(header, data);
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "was read: " << header;
    return ErrorCode::kInternal;
  }

  fs::path path_ = fs::temp_directory_path() / ("relievo-" + std::to_string(::getpid()) + ".safetensors");
};

TEST_F(Safetensors, ReadsShapesTypesAndValues) {
  const float values[] = {1.5f, -2, 3, 4, 5, 6};
  std::string data(reinterpret_cast<const char*>(values), sizeof values);
  const TensorFile file = read(
      R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}})",
      data + "xy");
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.at("a").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.at("a").bytes.data(), values, sizeof values), 0);
  EXPECT_EQ(file.at("b").dtype, DType::kBFloat16);
  EXPECT_EQ(file.at("b").elements(), 1);
}

TEST_F(Safetensors, MissingTensorIsNamed) {
  const TensorFile file = read(R"({})", "");
  try {
    file.at("encoder.weight");
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModelMismatch);
    EXPECT_NE(error.message().find("encoder.weight"), std::string::npos);
  }
}

TEST_F(Safetensors, MissingFileIsIo) {
  try {
    read_safetensors("/nonexistent.safetensors");
    FAIL() << "did not throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
  }
}

TEST_F(Safetensors, RefusesWhatIsNotStrictlyValid) {
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string four(4, 'x');
  EXPECT_NO_THROW(read(tensor("F32", "[1]", "[0,4]"), four));
  const std::vector<std::pair<std::string, std::string>> hostile{
      {"not json", four},
      {"[]", four},
      {"{}", four},                                               // data of no tensor
      {tensor("F32", "[1]", "[0,5]"), four},                      // outside
      {tensor("F32", "[1]", "[4,0]"), four},                      // backwards
      {tensor("F32", "[1]", "[1,5]"), four + "x"},                // a gap before
      {tensor("F32", "[2]", "[0,4]"), four},                      // shape and size differ
      {tensor("F32", "[-1]", "[0,4]"), four},                     // negative
      {tensor("F32", "[1.0]", "[0,4]"), four},                    // not whole
      {tensor("F32", "1", "[0,4]"), four},                        // not a list
      {tensor("F32", "[1]", "[0]"), four},                        // not a pair
      {tensor("F33", "[1]", "[0,4]"), four},                      // unknown type
      {tensor("F32", "[4611686018427387904,4]", "[0,0]"), ""},    // 2^64 elements
      {tensor("F32", "[4611686018427387905]", "[0,4]"), four},    // size overflows to 4
      {tensor("F32", "[1,9223372036854775808]", "[0,4]"), four},  // no int64
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", four},
      {R"({"a":{"dtype":"F32","shape":[1]}})", four},
      {R"({"a":[[[[[[[[[]]]]]]]]]})", ""},  // nested
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       four},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       four},  // overlap
  };
  for (const auto& [header, data] : hostile)
    EXPECT_EQ(refusal(header, data), ErrorCode::kModelCorrupt) << header;
}

TEST_F(Safetensors, RefusesHeadersThatAreTooLong) {
  for (const uint64_t length : {uint64_t{3}, uint64_t{1} << 40, ~uint64_t{0}, ~uint64_t{0} - 7}) {
    std::string bytes(8, '\0');
    std::memcpy(bytes.data(), &length, 8);
    expect_error(ErrorCode::kModelCorrupt, "header", [&] { read_bytes(bytes + "{}"); });
  }
  expect_error(ErrorCode::kModelCorrupt, "", [&] { read_bytes(""); });
  expect_error(ErrorCode::kModelCorrupt, "", [&] { read_bytes("1234567"); });
}

TEST_F(Safetensors, WritesWhatItReads) {
  const int64_t numbers[] = {1, 2, 3};
  const std::byte flags[] = {std::byte{1}, std::byte{0}};
  write_safetensors(path_, {{"n", {DType::kInt64, {3}, std::as_bytes(std::span(numbers))}},
                            {"f", {DType::kBool, {2, 1}, flags}},
                            {"none", {DType::kFloat32, {0, 3}, {}}}});
  const TensorFile file = read_safetensors(path_);
  EXPECT_EQ(file.tensors.size(), 3u);
  EXPECT_EQ(std::memcmp(file.at("n").bytes.data(), numbers, sizeof numbers), 0);
  EXPECT_EQ(file.at("f").shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(file.at("none").elements(), 0);
}

// Every mutation is either read, with all bytes in bounds, or refused by an Error. Run longer by `make fuzz`.
TEST_F(Safetensors, FuzzedFilesAreReadOrRefused) {
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"U8","shape":[3],"data_offsets":[24,27]}})";
  std::string valid(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(valid.data(), &length, 8);
  valid += header + std::string(27, 'd');
  const char* rounds_text = std::getenv("RELIEVO_FUZZ_ROUNDS");
  const int rounds = rounds_text ? std::atoi(rounds_text) : 3000;
  std::mt19937 random(1);
  int read_count = 0, refused_count = 0, checksum = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = valid;
    for (unsigned edits = 1 + random() % 3; edits > 0 && !bytes.empty(); --edits) {
      const size_t at = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 4);
          break;
        case 2:
          bytes.insert(at, 1, "0123456789[]{},:\"-"[random() % 18]);
          break;
        case 3:
          bytes.resize(at);
          break;
      }
    }
    try {
      const TensorFile file = read_bytes(bytes);
      for (const auto& [name, view] : file.tensors) {
        for (const std::byte b : view.bytes) checksum += static_cast<int>(b);
      }
      ++read_count;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModelCorrupt);
      ++refused_count;
    }
  }
  EXPECT_GT(refused_count, rounds / 2);
  EXPECT_EQ(read_count + refused_count, rounds) << checksum;
}

}  // namespace
}  // namespace relievo

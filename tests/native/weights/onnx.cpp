#include <cstdlib>
#include <random>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "../test_data.h"
#include "samples.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

using testing::HasSubstr;

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string field(unsigned number, const std::string& content) {
  return varint(number << 3 | 2) + varint(content.size()) + content;
}
std::string field(unsigned number, uint64_t value) { return varint(number << 3) + varint(value); }

std::string initialiser(const std::string& name, const std::vector<uint64_t>& shape, const std::string& data,
                        uint64_t type = 1) {
  std::string message;
  for (const uint64_t extent : shape) message += field(1, extent);
  return field(5, message + field(2, type) + field(8, name) + field(9, data));
}
std::string external(const std::string& name, uint64_t elements, const std::string& location,
                     const std::string& offset, const std::string& length) {
  const auto pair = [](const std::string& key, const std::string& value) {
    return field(13, field(1, key) + field(2, value));
  };
  return field(5, field(1, elements) + field(2, uint64_t{1}) + field(8, name) + pair("location", location) +
                      pair("offset", offset) + pair("length", length) + field(14, uint64_t{1}));
}
std::string convolution(const std::string& weight, const std::string& bias) {
  return field(
      1, field(1, std::string("x")) + field(1, weight) + field(1, bias) + field(4, std::string("Conv")));
}
std::string model(const std::string& graph) { return field(1, uint64_t{8}) + field(7, graph); }

class Onnx : public testing::Test {
 protected:
  TensorFile read(const std::string& bytes) { return read_weights(scratch_.write("net.onnx", bytes)); }
  std::string corrupt(const std::string& bytes) {
    const auto [code, message] = refusal([&] { read(bytes); });
    EXPECT_EQ(code, ErrorCode::kModelCorrupt) << message;
    return message;
  }
  Scratch scratch_;
};

TEST_F(Onnx, ReadsInitialisers) {
  const TensorFile file =
      read(model(initialiser("w", {2, 3}, floats({1, 2, 3, 4, 5, 6})) + initialiser("h", {2}, "abcd", 10)));
  EXPECT_EQ(file.at("w").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(file.at("w").bytes.data(), floats({1, 2, 3, 4, 5, 6}).data(), 24), 0);
  EXPECT_EQ(file.at("h").dtype, DType::kFloat16);
}

TEST_F(Onnx, ReadsDataBesideTheModelAndNowhereElse) {
  scratch_.write("weights.data", "xxxx" + floats({1, 2, 3}));
  const TensorFile file = read(model(external("w", 2, "weights.data", "8", "8")));
  EXPECT_EQ(std::memcmp(file.at("w").bytes.data(), floats({2, 3}).data(), 8), 0);
  corrupt(model(external("w", 2, "weights.data", "12", "8")));
  corrupt(model(external("w", 2, "weights.data", "-4", "8")));
  corrupt(model(external("w", 3, "weights.data", "8", "8")));
  for (const char* location : {"../weights.data", "/etc/passwd", "..", ""})
    EXPECT_THAT(corrupt(model(external("w", 2, location, "0", "8"))), HasSubstr("outside"));
}

TEST_F(Onnx, RefusesDamagedModels) {
  const std::string good = model(initialiser("w", {2}, floats({1, 2})));
  EXPECT_NO_THROW(read(good));
  for (size_t length = 1; length < good.size(); ++length) corrupt(good.substr(0, length));
  corrupt(model(initialiser("w", {3}, floats({1, 2}))));
  corrupt(model(initialiser("w", {uint64_t{1} << 40, uint64_t{1} << 40}, floats({1, 2}))));
  corrupt(model(initialiser("w", {2}, floats({1, 2}), 14)));
  corrupt(model(""));
  corrupt(field(1, uint64_t{8}) + "\x0b");
}

// Names and order of the convolutions as the exporter of the published file left them: a second source for
// ours.
TEST_F(Onnx, GivesU2NetThePublishedNames) {
  std::ifstream stream(test_data() / "golden/u2netp/name_map.json");
  const auto map = nlohmann::json::parse(stream);
  std::string graph;
  std::map<std::string, float> expected;
  for (size_t i = 0; i + 1 < map.size(); i += 2) {
    const std::string weight = map[i]["onnx"], bias = map[i + 1]["onnx"];
    graph += convolution(weight, bias);
    for (size_t j : {i, i + 1}) {
      const auto number = static_cast<float>(j);
      graph += initialiser(map[j]["onnx"], {1}, floats({number}));
      expected[map[j]["module"]] = number;
    }
  }
  const TensorFile file = read(model(graph + initialiser("scales", {1}, floats({2}))));
  ASSERT_EQ(file.tensors.size(), expected.size());
  for (const auto& [name, number] : expected) {
    float value = -1;
    std::memcpy(&value, file.at(name).bytes.data(), sizeof value);
    EXPECT_EQ(value, number) << name;
  }
}

TEST_F(Onnx, FuzzedFilesAreReadOrRefused) {
  const std::string valid =
      model(convolution("w", "h") + initialiser("w", {2, 3}, floats({1, 2, 3, 4, 5, 6})) +
            initialiser("h", {2}, "abcd", 10));
  const char* rounds_text = std::getenv("RELIEVO_FUZZ_ROUNDS");
  const int rounds = rounds_text ? std::atoi(rounds_text) : 3000;
  std::mt19937 random(3);
  int refused = 0, was_read = 0, checksum = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = valid;
    for (unsigned edits = 1 + random() % 3; edits > 0 && !bytes.empty(); --edits) {
      const size_t at = random() % bytes.size();
      if (random() % 3 == 0) {
        bytes.resize(at);
      } else {
        bytes[at] = random() % 2 ? static_cast<char>(random()) : '\xff';
      }
    }
    try {
      const TensorFile file = read_onnx(scratch_.write("fuzzed.onnx", bytes));
      for (const auto& [name, view] : file.tensors) {
        for (const std::byte b : view.bytes) checksum += static_cast<int>(b);
      }
      ++was_read;
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kModelCorrupt || error.code() == ErrorCode::kIo) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, rounds / 3) << checksum;
  EXPECT_EQ(refused + was_read, rounds);
}

}  // namespace
}  // namespace relievo

#include <cstdlib>
#include <random>

#include <gmock/gmock.h>

#include "samples.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

using testing::HasSubstr;

class Pytorch : public testing::Test {
 protected:
  TensorFile read(const std::string& bytes) { return read_weights(scratch_.write("model.ckpt", bytes)); }
  std::string corrupt(const std::string& bytes) {
    const auto [code, message] = refusal([&] { read(bytes); });
    EXPECT_EQ(code, ErrorCode::kModelCorrupt) << message;
    return message;
  }
  Scratch scratch_;
};

float value_at(const TensorView& view, size_t element) {
  float value = 0;
  std::memcpy(&value, view.bytes.data() + element * sizeof value, sizeof value);
  return value;
}

TEST_F(Pytorch, ReadsAContiguousTensorInPlace) {
  const TensorFile file = read(checkpoint(dictionary(tensor("0", 6, 2, {2, 2}, {2, 1}))));
  const TensorView& view = file.at("a");
  EXPECT_EQ(view.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_TRUE(view.strides.empty());
  EXPECT_EQ(value_at(view, 0), 2);
  EXPECT_EQ(value_at(view, 3), 5);
}

TEST_F(Pytorch, KeepsStrides) {
  const TensorView view = read(checkpoint(dictionary(tensor("0", 6, 0, {3, 2}, {1, 3})))).at("a");
  EXPECT_EQ(view.strides, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(view.bytes.size(), 24u);
  EXPECT_EQ(view.elements(), 6);
}

TEST_F(Pytorch, TakesTheStateDictAndSkipsPlainValues) {
  const std::string plain = text("epoch") + integer(3) + text("loss") + "G" + std::string(8, '\0') +
                            text("names") + "](" + text("x") + "Ne" + text("set") + "\x8f";
  const std::string state =
      "}(" + text("w") + tensor("0", 6, 0, {6}, {1}) + text("version") + integer(2) + "u";
  const TensorFile file = read(checkpoint("}(" + plain + text("state_dict") + state + "u"));
  EXPECT_EQ(file.tensors.size(), 1u);
  EXPECT_TRUE(file.contains("w"));
}

TEST_F(Pytorch, ReadsZip64AndParameters) {
  const std::string parameter = global("torch._utils", "_rebuild_parameter") + "(" +
                                tensor("0", 6, 0, {6}, {1}) + "\x88" + global("collections", "OrderedDict") +
                                ")RtR";
  const std::string archive =
      zip({{"m/data.pkl", pickle(dictionary(parameter))}, {"m/data/0", floats({0, 1, 2, 3, 4, 5})}}, true);
  EXPECT_EQ(value_at(read(archive).at("a"), 5), 5);
}

// Every name that is not on the list, called or not, and every instruction that makes other objects.
TEST_F(Pytorch, RefusesWhateverIsNotATensor) {
  for (const auto& [module, name] :
       std::vector<std::pair<std::string, std::string>>{{"builtins", "eval"},
                                                        {"os", "system"},
                                                        {"posix", "system"},
                                                        {"torch", "load"},
                                                        {"torch._utils", "_import_dotted_name"},
                                                        {"collections", "namedtuple"},
                                                        {"collections OrderedDict", ""},
                                                        {"torch", "FloatStorage.__init__"}}) {
    const std::string code =
        dictionary(tensor("0", 6, 0, {6}, {1})) + global(module, name) + "(" + text("1") + "tR0";
    EXPECT_THAT(corrupt(checkpoint(code)), HasSubstr(module + "." + name));
    EXPECT_THAT(corrupt(checkpoint(text(module) + text(name) + "\x93" + ")R")),
                HasSubstr(module + "." + name));
  }
  for (const std::string& instruction : {std::string("ios\nsystem\n"), std::string("o"), std::string("\x81"),
                                         std::string("\x92"), std::string("\x82\x01"), std::string("Pid\n"),
                                         std::string("\x96") + std::string(8, '\0'), std::string("\x97")}) {
    EXPECT_THAT(corrupt(checkpoint("(" + global("collections", "OrderedDict") + ")" + instruction)),
                HasSubstr("builds no tensor"));
  }
}

TEST_F(Pytorch, RefusesPicklesThatMakeNoSense) {
  const std::string good = tensor("0", 6, 0, {6}, {1});
  const std::vector<std::string> codes{
      "",                                      // nothing to return
      "0",                                     // pops nothing
      "t",                                     // no mark
      "h\x05",                                 // recalls nothing
      "N)R",                                   // calls None
      global("torch", "FloatStorage") + ")R",  // calls a type
      "](Ne",                                  // a list
      "}",                                     // no tensors
      "}(" + text("a") + "u",                  // a key without value
      "}N" + good + "s",                       // a name that is no text
      ")" + good + "a",                        // the shared empty tuple
      "}q\0h\0h\0s}h\0s",                      // keys that are dictionaries
      dictionary(global("torch._utils", "_rebuild_tensor_v2") + ")R"),
      dictionary(good + "Nb"),                                    // changes a tensor
      dictionary(tensor("1", 6, 0, {6}, {1})),                    // no such storage
      dictionary(tensor("0", 7, 0, {6}, {1})),                    // a storage that is longer than its data
      dictionary(tensor("0", 6, 0, {7}, {1})),                    // outside
      dictionary(tensor("0", 6, 1, {6}, {1})),                    // outside
      dictionary(tensor("0", 6, -1, {6}, {1})),                   // negative
      dictionary(tensor("0", 6, 0, {-6}, {1})),                   // negative
      dictionary(tensor("0", 6, 5, {6}, {-1})),                   // negative
      dictionary(tensor("0", 6, 0, {2, 3}, {1})),                 // shape and strides differ
      dictionary(tensor("0", 6, 0, {1 << 20, 1 << 20}, {0, 0})),  // a terabyte of one number
      dictionary(tensor("0", 6, 0, {int64_t{1} << 62, 5}, {0, 0})),
      dictionary(tensor("0", 6, 0, {3, 3}, {int64_t{1} << 62, int64_t{1} << 62})),
      dictionary(tensor("0", 6, 0, {6}, {1}, "ComplexFloatStorage")),
      std::string("\x95\xff\xff\xff\xff\xff\xff\xff\xff", 9) + "X\xff\xff\xff\xff",
      std::string("\x8d\xff\xff\xff\xff\xff\xff\xff\xff", 9),
      std::string("\x8b\xff\xff\xff\xff", 5),
  };
  for (const std::string& code : codes) corrupt(checkpoint(code));
}

// A list that contains itself is legal Python and no reason to run forever.
TEST_F(Pytorch, CyclesDoNoHarm) {
  const std::string cycle =
      "]q\x07h\x07"
      "a";
  const TensorFile file =
      read(checkpoint("}(" + text("loop") + cycle + text("a") + tensor("0", 6, 0, {6}, {1}) + "u"));
  EXPECT_EQ(file.tensors.size(), 1u);
}

TEST_F(Pytorch, NestsDeeplyWithoutOverflow) {
  std::string code = ")";
  for (int i = 0; i < 900'000; ++i) code += "\x85";
  corrupt(checkpoint(code));
}

TEST_F(Pytorch, EndlessPicklesStopEarly) {
  EXPECT_THAT(corrupt(checkpoint(std::string(20'000'000, '('))), HasSubstr("too many values"));
  EXPECT_THAT(corrupt(checkpoint(std::string(20'000'000, ']'))), HasSubstr("too many values"));
  EXPECT_THAT(corrupt(checkpoint(std::string(20'000'000, 'N'))), HasSubstr("too many values"));
}

TEST_F(Pytorch, RefusesArchivesThatLie) {
  const std::string good = checkpoint(dictionary(tensor("0", 6, 0, {6}, {1})));
  EXPECT_NO_THROW(read(good));
  const std::string code = pickle(dictionary(tensor("0", 6, 0, {6}, {1}))), data = floats({0, 1, 2, 3, 4, 5});
  EXPECT_THAT(corrupt(zip({{"a/data.pkl", code}, {"a/byteorder", "big"}, {"a/data/0", data}})),
              HasSubstr("big-endian"));
  EXPECT_THAT(corrupt(zip({{"a/data.pkl", code}, {"a/data/0", data, 8}})), HasSubstr("compressed"));
  EXPECT_THAT(corrupt(zip({{"a/data.pkl", code}, {"a/data/0", data}, {"a/data/0", data}})),
              HasSubstr("twice"));
  EXPECT_THAT(corrupt(zip({{"a/model.json", code}})), HasSubstr("data.pkl"));
  EXPECT_THAT(corrupt(good.substr(0, good.size() - 10)), HasSubstr("cut short"));
  for (size_t length = 4; length < good.size(); length += 7) corrupt(good.substr(0, length));
  // All entries at one place: the trick by which a small archive unpacks to a huge one.
  std::string overlapping = zip({{"a/data.pkl", code}, {"a/data/0", data}, {"a/data/1", data}});
  const size_t last = overlapping.rfind("PK\x01\x02"), before = overlapping.rfind("PK\x01\x02", last - 1);
  overlapping.replace(last + 42, 4, overlapping.substr(before + 42, 4));
  EXPECT_THAT(corrupt(overlapping), HasSubstr("overlap"));
}

TEST_F(Pytorch, ReadsTheOldContainer) {
  const std::string magic = std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
  const auto file = [&](const std::string& little, int64_t elements) {
    return pickle(magic) + pickle(integer(1001)) + pickle("}(" + text("little_endian") + little + "u") +
           pickle(dictionary(tensor("77", 3, 1, {2}, {1}))) + pickle("](" + text("77") + "e") +
           raw(elements) + floats({7, 8, 9});
  };
  EXPECT_EQ(value_at(read(file("\x88", 3)).at("a"), 1), 9);
  EXPECT_THAT(corrupt(file("\x89", 3)), HasSubstr("big-endian"));
  for (const int64_t elements : {int64_t{2}, int64_t{4}, int64_t{-1}, int64_t{1} << 62})
    corrupt(file("\x88", elements));
}

TEST_F(Pytorch, FuzzedFilesAreReadOrRefused) {
  const std::string magic = std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
  const std::string state = "}q\x01(" + text("state_dict") + "}(" + text("w") +
                            tensor("0", 6, 0, {2, 3}, {3, 1}) + text("v") + tensor("0", 6, 1, {3}, {2}) +
                            "u" + text("x") + "](K\x01\x88Neu";
  const std::vector<std::string> valid{
      checkpoint(state), zip({{"m/data.pkl", pickle(state)}, {"m/data/0", floats({0, 1, 2, 3, 4, 5})}}, true),
      pickle(magic) + pickle(integer(1001)) + pickle("}(" + text("little_endian") + "\x88u") + pickle(state) +
          pickle("](" + text("0") + "e") + raw<int64_t>(6) + floats({0, 1, 2, 3, 4, 5})};
  for (const std::string& bytes : valid) EXPECT_EQ(read(bytes).tensors.size(), 2u);
  const char* rounds_text = std::getenv("RELIEVO_FUZZ_ROUNDS");
  const int rounds = rounds_text ? std::atoi(rounds_text) : 3000;
  std::mt19937 random(2);
  int refused = 0, was_read = 0, checksum = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = valid[static_cast<size_t>(round) % valid.size()];
    for (unsigned edits = 1 + random() % 3; edits > 0 && !bytes.empty(); --edits) {
      const size_t at = random() % bytes.size();
      switch (random() % 5) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, 1 + random() % 4);
          break;
        case 2:
          bytes.insert(at, 1, "(tRQqh]}ueasN0.\x85\x86\x87\x8a"[random() % 19]);
          break;
        case 3:
          bytes.resize(at);
          break;
        case 4:
          for (size_t i = at; i < std::min(at + 4, bytes.size()); ++i) bytes[i] = '\xff';
          break;
      }
    }
    try {
      const TensorFile file = read_pytorch(scratch_.write("fuzzed.bin", bytes));
      for (const auto& [name, view] : file.tensors) {
        for (const std::byte b : view.bytes) checksum += static_cast<int>(b);
      }
      ++was_read;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModelCorrupt) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, rounds / 3) << checksum;
  EXPECT_EQ(refused + was_read, rounds);
}

}  // namespace
}  // namespace relievo

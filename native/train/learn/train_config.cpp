#include "train/learn/train_config.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/refusals.h"
#include "reconstruct/compact_file.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const std::array<std::string, 3> kPrecisions{"fp32", "bf16", "fp16"};  // in the order of Precision

/// Hands out the keys of an object; the destructor's work is done by finish(), which refuses unknown ones.
class Keys {
 public:
  Keys(const json& object, std::string place) : object_(object), place_(std::move(place)) {
    if (!object.is_object()) throw invalid_value("setting", place_, "Write an object in braces.");
  }

  template <typename T>
  void number(const char* name, T& value, T low, T high) {
    const json* found = find(name);
    if (!found) return;
    const bool fits = std::is_integral_v<T> ? found->is_number_integer() : found->is_number();
    if (!fits || !(found->get<double>() >= static_cast<double>(low)) ||
        !(found->get<double>() <= static_cast<double>(high))) {
      throw invalid_value(place_ + name, found->dump(), fmt::format("Use {} to {}.", low, high));
    }
    value = found->get<T>();
  }
  void flag(const char* name, bool& value) {
    const json* found = find(name);
    if (!found) return;
    if (!found->is_boolean()) throw invalid_value(place_ + name, found->dump(), "Use true or false.");
    value = found->get<bool>();
  }
  void word(const char* name, std::string& value) {
    const json* found = find(name);
    if (!found) return;
    if (!found->is_string()) throw invalid_value(place_ + name, found->dump(), "Write a text in quotes.");
    value = found->get<std::string>();
  }
  const json* find(const char* name) {
    known_.push_back(name);
    const auto found = object_.find(name);
    return found == object_.end() ? nullptr : &*found;
  }
  void finish() const {
    for (const auto& [name, value] : object_.items()) {
      if (std::ranges::find(known_, name) == known_.end())
        throw unknown_value("setting", place_ + name, known_);
    }
  }

 private:
  const json& object_;
  std::string place_;
  std::vector<std::string> known_;
};

std::vector<fs::path> folders_of(const json* value, const fs::path& base) {
  std::vector<fs::path> folders;
  if (value && value->is_string()) folders.push_back(base / value->get<std::string>());
  if (value && value->is_array()) {
    for (const json& one : *value) {
      if (one.is_string()) folders.push_back(base / one.get<std::string>());
    }
  }
  return folders;
}

void read_model(const json& object, CompactConfig& model) {
  Keys keys(object, "model.");
  keys.number<int64_t>("width", model.width, 8, 4096);
  keys.number<int64_t>("blocks", model.blocks, 1, 64);
  keys.number<int64_t>("heads", model.heads, 1, 64);
  keys.number<int64_t>("channels", model.channels, 4, 256);
  keys.number<int64_t>("hidden", model.hidden, 8, 1024);
  keys.finish();
  if (model.width % model.heads != 0) {
    throw invalid_value("model.heads", std::to_string(model.heads), "Use a number that divides the width.");
  }
}

void read_loss(const json& object, LossWeights& loss) {
  Keys keys(object, "loss.");
  for (const auto& [name, value] : {std::pair{"distance", &loss.distance},
                                    {"inside", &loss.inside},
                                    {"colour", &loss.colour},
                                    {"elevation", &loss.elevation},
                                    {"layers", &loss.layers},
                                    {"error", &loss.error},
                                    {"thin", &loss.thin}}) {
    keys.number<float>(name, *value, 0, 1000);
  }
  keys.finish();
}

void read_precision(Keys& keys, Precision& precision) {
  std::string word(precision_word(precision));
  keys.word("precision", word);
  const auto found = std::ranges::find(kPrecisions, word);
  if (found == kPrecisions.end()) throw unknown_value("precision", word, kPrecisions);
  precision = static_cast<Precision>(found - kPrecisions.begin());
}

}  // namespace

std::string_view precision_word(Precision precision) { return kPrecisions[static_cast<size_t>(precision)]; }

void check_finetune(const std::string& name) {
  const std::vector<std::string> models{"triposr", "instant-mesh-base", "instant-mesh-large"};
  if (!name.empty() && std::ranges::find(models, name) == models.end()) {
    throw unknown_value("model to fine-tune", name, models);
  }
}

TrainConfig read_train_config(const fs::path& path) {
  json object;
  try {
    object = read_json(path);
  } catch (const JsonError& error) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("'{}' cannot be used: {}.", path.string(), error.what()),
                "See docs/training.md for an example.");
  }
  TrainConfig config;
  Keys keys(object, "");
  const fs::path base = path.parent_path();
  config.data = folders_of(keys.find("data"), base);
  const auto output = folders_of(keys.find("output"), base);
  if (config.data.empty() || output.size() != 1) {
    throw Error(ErrorCode::kInvalidSettings,
                "The configuration names no folder of data, or none for the run.",
                "Set \"data\" to a folder that relievo-train data made, and \"output\" to a new one.");
  }
  config.output = output[0];
  keys.number<int64_t>("steps", config.steps, 1, 100'000'000);
  keys.number<int64_t>("batch", config.batch, 1, 65'536);
  keys.number<int64_t>("parts", config.parts, 1, 65'536);
  keys.number("learning_rate", config.learning_rate, 0.0, 1.0);
  keys.number<int64_t>("warm_up", config.warm_up, 0, 1'000'000);
  keys.number("beta1", config.beta1, 0.0, 0.9999);
  keys.number("beta2", config.beta2, 0.0, 0.99999);
  keys.number("weight_decay", config.weight_decay, 0.0, 10.0);
  keys.number("longest_gradient", config.longest_gradient, 1e-6, 1e9);
  keys.number("average", config.average, 0.0, 0.999999);
  read_precision(keys, config.precision);
  keys.flag("checkpointed", config.checkpointed);
  keys.flag("varied", config.varied);
  keys.word("finetune", config.finetune);
  check_finetune(config.finetune);
  std::string weights;
  keys.word("weights", weights);
  if (!weights.empty()) config.weights = base / weights;
  keys.number("family_power", config.family_power, 0.0, 1.0);
  keys.flag("held_out_too", config.held_out_too);
  keys.number<int64_t>("seed", config.seed, 0, 1'000'000'000);
  keys.number<int64_t>("save_every", config.save_every, 1, 100'000'000);
  keys.number<int64_t>("log_every", config.log_every, 1, 1'000'000);
  if (const json* model = keys.find("model")) read_model(*model, config.model);
  if (const json* loss = keys.find("loss")) read_loss(*loss, config.loss);
  keys.finish();
  return config;
}

json lasting_settings(const TrainConfig& c) {
  return {{"model", to_json(c.model)},
          {"finetune", c.finetune},
          {"loss",
           {{"distance", c.loss.distance},
            {"inside", c.loss.inside},
            {"colour", c.loss.colour},
            {"elevation", c.loss.elevation},
            {"layers", c.loss.layers},
            {"error", c.loss.error},
            {"thin", c.loss.thin}}},
          {"batch", c.batch},
          {"learning_rate", c.learning_rate},
          {"warm_up", c.warm_up},
          {"beta1", c.beta1},
          {"beta2", c.beta2},
          {"weight_decay", c.weight_decay},
          {"longest_gradient", c.longest_gradient},
          {"average", c.average},
          {"precision", precision_word(c.precision)},
          {"varied", c.varied},
          {"family_power", c.family_power},
          {"held_out_too", c.held_out_too},
          {"seed", c.seed}};
}

}  // namespace relievo

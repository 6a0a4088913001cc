#include "verify/random_weights.h"

#include <cmath>
#include <fstream>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

constexpr int64_t kBlock = int64_t{1} << 20;

/// The place in the block where the numbers of this name begin.
int64_t place_of(const std::string& name) {
  uint32_t place = 2166136261u;  // FNV-1a
  for (const char c : name) place = (place ^ static_cast<uint8_t>(c)) * 16777619u;
  return place % kBlock;
}

/// The block as a parameter repeats it.
at::Tensor block_of(const std::string& name, const at::Tensor& parameter, const at::Tensor& block) {
  double factor = 0.2, shift = name.ends_with("weight") ? 1 : 0;
  if (parameter.dim() >= 2) {
    factor = std::sqrt(12 * static_cast<double>(parameter.size(0)) / static_cast<double>(parameter.numel()));
    shift = 0;
  }
  return at::roll(block, -place_of(name)).mul_(factor).add_(shift);
}

}  // namespace

at::Tensor number_block() {
  at::Tensor block = at::empty({kBlock}, at::kFloat);
  float* numbers = block.data_ptr<float>();
  for (uint32_t i = 0; i < kBlock; ++i) {
    uint32_t x = i;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    numbers[i] = static_cast<float>(x / 4294967296.0 - 0.5);
  }
  return block;
}

at::Tensor numbers_of(const std::string& name, at::IntArrayRef shape, const at::Tensor& block) {
  const at::Tensor rolled = at::roll(block, -place_of(name));
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return rolled.repeat({(count + kBlock - 1) / kBlock}).slice(0, 0, count).reshape(shape);
}

int64_t fill_with_numbers(torch::nn::Module& network, const at::Tensor& block,
                          const at::TensorOptions& options) {
  int64_t bytes = 0;
  for (auto& item : network.named_parameters()) {
    at::Tensor& parameter = item.value();
    const at::Tensor numbers = block_of(item.key(), parameter, block).to(options);
    const at::Tensor values = at::empty(parameter.sizes(), options);
    const at::Tensor flat = values.view(-1);
    for (int64_t at = 0; at < flat.numel(); at += kBlock) {
      const int64_t count = std::min(kBlock, flat.numel() - at);
      flat.narrow(0, at, count).copy_(numbers.narrow(0, 0, count));
    }
    parameter.set_data(values);
    bytes += static_cast<int64_t>(values.nbytes());
  }
  return bytes;
}

void write_numbers(const std::filesystem::path& path, const torch::nn::Module& network,
                   const std::string& prefix, at::ScalarType dtype, const at::Tensor& block) {
  const auto element = static_cast<int64_t>(c10::elementSize(dtype));
  const std::string_view kind = dtype_name(dtype == at::kBFloat16 ? DType::kBFloat16 : DType::kFloat32);
  const auto parameters = network.named_parameters();
  nlohmann::json header;
  int64_t end = 0;
  for (const auto& item : parameters) {
    const int64_t begin = end;
    end += item.value().numel() * element;
    header[prefix + item.key()] = {
        {"dtype", kind}, {"shape", item.value().sizes().vec()}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  constexpr size_t kAlignment = 8;
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  std::filesystem::create_directories(path.parent_path());
  write_atomically(path, [&](const std::filesystem::path& temporary) {
    std::ofstream file(temporary, std::ios::binary);
    const auto write = [&](const void* bytes, int64_t count) {
      file.write(static_cast<const char*>(bytes), count);
    };
    const uint64_t length = text.size();
    write(&length, sizeof length);
    write(text.data(), static_cast<int64_t>(length));
    for (const auto& item : parameters) {
      const at::Tensor numbers = block_of(item.key(), item.value(), block).to(dtype);
      for (int64_t left = item.value().numel(); left > 0 && file; left -= kBlock) {
        write(numbers.const_data_ptr(), std::min(left, kBlock) * element);
      }
    }
    if (file.flush()) return;
    throw Error(ErrorCode::kIo, fmt::format("'{}' could not be written.", path.string()),
                "Make room on that disk, or let the environment's TMPDIR name a folder on another one.");
  });
}

}  // namespace relievo

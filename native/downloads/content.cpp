#include "downloads/content.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "base/input_file.h"
#include "base/json.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// Returns whether the file is a log-in page or an error's explanation, whatever its name is.
bool is_web_page(const fs::path& path) {
  std::array<char, 256> head{};
  InputFile file(path);
  const size_t size = file.read(std::as_writable_bytes(std::span(head)));
  std::string text(head.data(), size);
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n\xef\xbb\xbf"), text.size()));
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.starts_with("<!doctype html") || text.starts_with("<html");
}

TensorFile read_as(const fs::path& path, const std::string& extension) {
  if (extension == ".safetensors") return read_safetensors(path);
  if (extension == ".onnx") return read_onnx(path);
  return read_weights(path);
}

}  // namespace

FileKind kind_of(const fs::path& name) {
  const std::string extension = name.extension().string();
  if (extension == ".json") return FileKind::kJson;
  constexpr std::array kWeights{".safetensors", ".ckpt", ".bin", ".pt", ".pth", ".onnx"};
  const bool is_weights = std::find(kWeights.begin(), kWeights.end(), extension) != kWeights.end();
  return is_weights ? FileKind::kWeights : FileKind::kAny;
}

std::string why_not_of_kind(const fs::path& path, const fs::path& name, FileKind kind) {
  if (is_web_page(path)) return "it is a web page";
  try {
    if (kind == FileKind::kJson && !read_json(path).is_object()) return "it is not a JSON object";
    if (kind == FileKind::kWeights && read_as(path, name.extension().string()).tensors.empty())
      return "it holds no tensors";
    return {};
  } catch (const JsonError& error) {
    return error.what();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kModelCorrupt) throw;
    // The message begins with the file's path of now, but by then it has another name.
    std::string reason = error.message();
    const std::string subject = fmt::format("'{}'", path.string());
    if (reason.starts_with(subject)) reason.replace(0, subject.size(), "it");
    if (reason.ends_with('.')) reason.pop_back();
    return reason;
  }
}

}  // namespace relievo

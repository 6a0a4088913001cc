#include "benchmarks/native/bench.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "benchmarks/native/bench_command.h"

namespace relievo {

using nlohmann::json;

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

json last_line_of(const std::string& command) {
  const auto close = [](FILE* pipe) { return pclose(pipe); };
  std::unique_ptr<FILE, decltype(close)> pipe(popen(command.c_str(), "r"), close);
  if (!pipe) throw Error(ErrorCode::kInternal, fmt::format("'{}' cannot be started.", command));
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    output.append(buffer.data(), count);
  }
  const int status = pclose(pipe.release());
  while (!output.empty() && output.back() == '\n') output.pop_back();
  json result;
  try {
    result = parse_json(std::string_view(output).substr(output.rfind('\n') + 1));
  } catch (const JsonError&) {  // told below
  }
  if (status != 0 || !result.is_object()) {
    throw Error(ErrorCode::kInternal, fmt::format("'{}' failed (status {}).", command, status),
                "What it printed stands above.");
  }
  return result;
}

json run_own_side(const std::string& name, const json& arguments) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  json result = last_line_of(fmt::format("{} {} {} --own-side {}", quoted(program), word_before_bench(),
                                         quoted(name), quoted(arguments.dump())));
  // A bench can take an hour, and be stopped.
  fmt::print(stderr, "{}\n", json{{"side", arguments}, {"result", result}}.dump());
  return result;
}

}  // namespace relievo

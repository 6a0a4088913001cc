// `relievo-bench`: a claim measured beside the baseline, in one run on one machine.
//
// Each side runs in a process of its own, so that its peak memory is its own; a bench starts them in turn and
// compares. The baseline is a Python program in benchmarks/, with the packages of benchmarks/setup.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace relievo {

struct BenchOptions {
  bool quick = false;  ///< a small configuration, to try the bench itself; the result says full_size false
  int threads = 0;     ///< of either side; 0: all

  // These are for benches of networks (Bench::runs_on_devices).
  std::string device = "cpu";  ///< or cuda:0, ...
  std::vector<std::string> precisions = {"bf16", "fp32"};
  int warm_up = 1, repeats = 2;  ///< runs of each process that are not timed, and that are
  int height = 0, width = 0;     ///< of the latents; 0: the full size, or a small one where quick
  bool is_alone = false;         ///< our side alone, where the baseline's packages are not
  bool with_compiled = false;    ///< the baseline by torch.compile, too

  std::string baseline;               ///< another build's program `relievo`; for `preview`
  std::vector<std::string> pictures;  ///< for `preview`; empty: some of the test pictures
};

struct Bench {
  std::string description;
  /// Runs both sides and returns the report: name, ours_s, other_s, ratio (other_s / ours_s), exact,
  /// ours_peak_bytes, other_peak_bytes, full_size, threads, dtype and what the bench has besides.
  nlohmann::json (*run)(const BenchOptions& options);
  /// Our side, called in a process of its own by run_own_side(); takes and returns what the bench agrees on.
  nlohmann::json (*own_side)(const nlohmann::json& arguments);
  bool runs_on_devices = false;
};

/// Benches by name.
using Benches = std::map<std::string, Bench, std::less<>>;

/// Runs `own_side` of the bench `name` in a new process of this program. Throws Error{kInternal} when it
/// fails.
nlohmann::json run_own_side(const std::string& name, const nlohmann::json& arguments);

/// The environments that benchmarks/setup makes.
inline constexpr const char* kBenchEnvironment = ".venv-bench";
inline constexpr const char* kTripoSrEnvironment = ".venv-triposr";  // `benchmarks/setup triposr`

/// Runs `benchmarks/SCRIPT ARGUMENTS` (one JSON object) in the Python of an environment; its last line on
/// standard output is the result, one JSON object. Throws Error{kModelMissing} when that Python is not there,
/// Error{kInternal} when the script fails.
nlohmann::json run_baseline(const std::string& script, const nlohmann::json& arguments,
                            const std::string& environment = kBenchEnvironment);

/// Runs a command of the shell and parses the last line that it prints; its standard error is ours. Throws
/// Error{kInternal} when it fails.
nlohmann::json last_line_of(const std::string& command);

/// A word as the shell reads it.
std::string quoted(const std::string& word);

}  // namespace relievo

// GenerateRequest -> Job: the only place that knows the whole pipeline. Shows no type of torch, CUDA or any
// other library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/image.h"
#include "base/mesh.h"
#include "engine/settings.h"

namespace relievo {

/// A picture, as a file or in memory, and what to make of it.
struct GenerateRequest {
  std::filesystem::path picture;  ///< PNG, JPEG, WebP or EXR; not read when `image` is given
  Image image;                    ///< used instead of the file when not empty
  std::string name;               ///< of the result; empty: the file's name without its extension
  Settings settings;
};

enum class JobState { kWaiting, kRunning, kDone, kFailed, kCancelled };
const char* state_name(JobState state);  ///< `waiting`, `running`, `done`, `failed`, `cancelled`

struct JobStatus {
  JobState state = JobState::kWaiting;
  std::string stage;  ///< `foreground`, `reconstruct`, `surface`, `texture`; empty before the first and after
                      ///< the last
  double fraction = 0;       ///< of the whole job, 0..1, only grows
  double seconds = 0;        ///< since it began to run
  double seconds_left = -1;  ///< estimate; negative while unknown
};

struct StageReport {
  std::string name;
  double seconds = 0;
  int64_t peak_bytes =
      0;  ///< highest resident size of the process during the stage (0 where the system does not tell)
  std::string device;
};

struct GenerateResult {
  std::string name;
  TexturedMesh mesh;                  ///< in scene axes (base/mesh.h), metres
  std::vector<std::byte> albedo_png;  ///< mesh.albedo as a PNG file, encoded on the job's thread
  Image foreground;                   ///< [S, S, 4] the cut-out that was meshed
  Crop crop;                          ///< the square of the picture that became the foreground
  std::vector<StageReport> stages;
  std::string plan;  ///< in words: what ran where
};

/// A handle to one generation. Copies are the same job; every call is safe from any thread and none waits,
/// but wait(). It stays valid after the Engine is gone (the job is cancelled then).
class Job {
 public:
  struct State;
  explicit Job(std::shared_ptr<State> state) : state_(std::move(state)) {}

  JobStatus status() const;
  void cancel() const;  ///< any time, any number of times
  bool wait(
      double seconds = -1) const;  ///< until it has ended; false when the time (negative: any) ran out first
  std::optional<Error> error() const;                    ///< of a failed or cancelled job
  std::shared_ptr<const GenerateResult> result() const;  ///< null until it is done

 private:
  std::shared_ptr<State> state_;
};

struct EngineOptions {
  std::filesystem::path
      models;       ///< folder of the embedded models; empty: found beside the program or in the source tree
  int threads = 0;  ///< of the CPU; 0: all
};

/// Owns the models and the worker thread. One a process is enough. Jobs run one after the other in the order
/// of submit().
class Engine {
 public:
  explicit Engine(const EngineOptions& options = {});
  ~Engine();  ///< cancels what runs and waits, and comes back within about a second
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Throws Error{kInvalidSettings} or Error{kModelMissing} at once; everything else is on the job.
  Job submit(GenerateRequest request);

  void unload();  ///< gives the memory of loaded models back; waits for no job

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Writes `DIR/NAME.FORMAT` for each format (glb, obj, ply) and returns the files, companions (MTL, PNG)
/// included. Makes the folder. No file under its final name is ever half-written. Throws Error{kIo},
/// Error{kInvalidSettings}.
std::vector<std::filesystem::path> save_result(const GenerateResult& result,
                                               const std::filesystem::path& folder,
                                               const std::vector<std::string>& formats);

/// Pictures of a result that may be wanted besides.
struct Renders {
  int turntable = 0;   ///< frames of a full turn; 0: none
  bool exr = false;    ///< the front view as OpenEXR layers, and the turntable's frames so too
  bool sheet = false;  ///< a contact sheet
};

/// Writes `DIR/NAME_sheet.png`, `DIR/NAME.exr`, `DIR/NAME_turntable.webp` with its frames, as asked, and
/// returns the files. Makes the folder. Throws Error{kIo}, Error{kInvalidSettings}.
std::vector<std::filesystem::path> save_renders(const GenerateResult& result,
                                                const std::filesystem::path& folder, const Renders& renders);

std::string version();  ///< of Relievo, e.g. "0.1.0"

}  // namespace relievo

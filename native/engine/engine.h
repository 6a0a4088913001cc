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

#include "base/control.h"
#include "base/error.h"
#include "base/image.h"
#include "base/mesh.h"
#include "engine/result_names.h"
#include "engine/settings.h"
#include "files/picture_kinds.h"

namespace relievo {

/// A picture, as a file or in memory, and what to make of it. What is in memory is decoded on the job's
/// thread.
struct GenerateRequest {
  std::filesystem::path picture =
      {};  ///< a file (files/pictures.h); only a name when one of the next is not empty
  Image image = {};
  ByteImage bytes = {};                 ///< 3 or 4 channels, sRGB-encoded
  std::vector<std::byte> encoded = {};  ///< a picture file's content
  std::string name = {};                ///< of the result; empty: the file's name without its extension
  Settings settings = {};
  /// Ends after the first stage, without a result: for its preview. Goes before all jobs that wait, and runs
  /// while the queue is paused, too.
  bool only_foreground = false;
};

enum class JobState { kWaiting, kRunning, kDone, kFailed, kCancelled };
const char* state_name(JobState state);  ///< `waiting`, `running`, `done`, `failed`, `cancelled`

struct JobStatus {
  JobState state = JobState::kWaiting;
  std::string stage;    ///< `foreground`, `multiview`, `reconstruct`, `surface`, `texture`; empty before the
                        ///< first and after the last
  double fraction = 0;  ///< of the whole job, 0..1, only grows
  double seconds = 0;   ///< since it began to run
  double seconds_left = -1;  ///< estimate; negative while unknown
};

struct LogLine {
  double seconds = 0;  ///< since the job began to run
  std::string text;
};

/// A picture that shows what a job has come to, at most kPreviewSide pixels a side.
struct Preview {
  std::string name;   ///< `foreground` (RGBA: the cut-out), `views` (RGB: the six views), `shaded` (RGB: the
                      ///< finished object)
  ByteImage picture;  ///< 3 or 4 channels, sRGB
};
inline constexpr int kPreviewSide = 256;

struct StageReport {
  std::string
      name;  ///< `foreground`; `condition`, `diffusion`, `decode`; `reconstruct`, `surface`, `texture`
  double seconds = 0;
  int64_t peak_bytes =
      0;               ///< highest use of the worker's budget during the stage, all weights in it included
  std::string device;  ///< the worker; several with + between
  std::string precision = {};
  int batch = 1;  ///< pictures that were made together
  /// On a GPU: the part, 0..1, of the memory that torch's allocator held after it and no tensor used.
  std::optional<double> fragmentation = {};
};

struct GenerateResult {
  std::string name;
  TexturedMesh mesh;                      ///< in scene axes (base/mesh.h), metres
  std::vector<std::byte> albedo_png;      ///< mesh.albedo as a PNG file, encoded on the job's thread
  std::vector<std::byte> normal_map_png;  ///< likewise; empty when there is none
  ByteImage foreground;                   ///< [S, S, 4] the cut-out that was meshed, sRGB, straight alpha
  Crop crop;                              ///< the square of the picture that became the foreground
  std::vector<StageReport> stages;
  std::string plan;                ///< in words: what ran where
  std::vector<std::string> notes;  ///< what the person should know: of the picture, the shape, the memory
  bool lossy = false;              ///< whether something was made worse for want of memory
};

/// Throws Error{kInvalidImage} for a picture in memory that is larger than a file's may be.
void check_picture_size(int64_t width, int64_t height);

/// A handle to one generation. Copies are the same job; every call is safe from any thread and none waits,
/// but wait(). It stays valid after the Engine is gone (the job is cancelled then). In a process that was
/// forked off since, all but number() and name() throw Error{kInvalidSettings}.
class Job {
 public:
  struct State;
  explicit Job(std::shared_ptr<State> state) : state_(std::move(state)) {}

  uint64_t number() const;  ///< of the process, in the order of submit(), from 1
  const std::string& name() const;
  JobStatus status() const;
  std::vector<LogLine> log() const;
  /// In the order in which they came.
  std::vector<std::shared_ptr<const Preview>> previews() const;
  void cancel() const;  ///< any time, any number of times
  /// Until it has ended; false when the time (negative, or not a number: any) ran out first.
  bool wait(double seconds = -1) const;
  std::optional<Error> error() const;                    ///< of a failed or cancelled job
  std::shared_ptr<const GenerateResult> result() const;  ///< null until it is done, and after take()
  /// The result, which the job then forgets: it lives as long as its last user. It survives the engine.
  std::shared_ptr<const GenerateResult> take() const;

  friend bool operator==(const Job&, const Job&) = default;  ///< the same job

 private:
  friend class Engine;
  State& state() const;
  std::shared_ptr<State> state_;
};

inline constexpr Range<int> kThreadsRange{0, 1024};
inline constexpr Range<int> kPlannedPicturesRange{1, 10'000'000};
inline constexpr double kNever = 1e9;  ///< seconds that are as good as infinitely many

struct EngineOptions {
  std::filesystem::path
      models;       ///< folder of the embedded models; empty: found beside the program or in the source tree
  int threads = 0;  ///< of the CPU; 0: all
  double idle_seconds = 0;  ///< without a job, after which models are unloaded; 0, or infinity: never
  /// What computes (runtime/machine/workers.h): `cuda:0,cuda:1`, `cpu*2@3GiB`; empty: every GPU, or without
  /// one the CPU.
  std::string devices = {};
  std::string strategy = "auto";   ///< `auto`, `single`, `data`, `stage`, `guidance`, `split`, `offload`
  std::string policy = "fastest";  ///< `fastest`, `balanced`, `memory`
  bool allow_lossy = true;  ///< may lower precision or input size before it gives up for want of memory
};

/// Owns the models and the threads. One a process is enough. Jobs begin in the order of the queue, as many at
/// a time as the plan has device groups. Every call is safe from any thread, and none waits for a job but
/// close() and the destructor. In a process that was forked off since an engine was made, threads are
/// missing: there all calls but those two, which do nothing, throw Error{kInvalidSettings}, and no engine can
/// be made.
class Engine {
 public:
  /// Throws Error{kInvalidSettings} for options out of range.
  explicit Engine(const EngineOptions& options = {});
  ~Engine();  ///< close()
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Cancels what runs and waits, and comes back within about a second. No job is taken from then on; what
  /// else was asked for is answered.
  void close();

  /// Throws Error{kInvalidSettings} or Error{kModelMissing} at once; everything else is on the job (devices
  /// that are not there, too).
  Job submit(GenerateRequest request);

  std::vector<Job> queue() const;  ///< what runs, then what waits, in order
  /// Puts a waiting job at `place` among those that wait (0: next; too large: last). False when it does not
  /// wait.
  bool move(const Job& job, size_t place);
  /// While paused, no job begins; one that runs goes on to its end.
  void pause();
  void resume();
  bool paused() const;

  /// The names of the workers that compute. The first time it looks at the machine, a tenth of a second.
  /// Throws Error{kInvalidSettings} for devices that are not there.
  std::vector<std::string> workers() const;

  /// What a plan for so many pictures with these settings would be, in sentences: what is done and why, then
  /// what is not and why not. Takes a few milliseconds, the first time as long as workers(). Throws
  /// Error{kInvalidSettings}, Error{kOutOfMemory} when nothing fits, Error{kModelMissing}.
  std::vector<std::string> explain_plan(const Settings& settings, int pictures) const;

  void unload();        ///< gives the memory of loaded models back to the system, after the job that runs
  bool loaded() const;  ///< whether models are in memory
  void set_idle_seconds(double seconds);  ///< throws Error{kInvalidSettings} below 0 and for a NaN

 private:
  class Workers;
  class QueuedJobs;
  struct Impl;
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

/// How the files of a result find a name that takes nothing's place.
struct Naming {
  /// Checksums of what the picture was before: files of those results are replaced, too.
  std::vector<std::string> former = {};
  std::string name = {};  ///< wanted; empty: the result's
  /// Whether name_results gave the name for this folder: it is not listed again, unless a file of that name
  /// has come since.
  bool is_given = false;
};

/// Writes `DIR/NAME.FORMAT` for each format (glb, obj, ply) and returns the files, companions (MTL, PNG)
/// included. Makes the folder. No file under its final name is ever half-written. What is there is written
/// over only where an earlier result of the same picture, or of one of the former checksums, wrote it and
/// it is none of this result's inputs; otherwise NAME gets a number (engine/result_names.h). That holds also
/// for what other processes write there at the same moment. Throws Error{kIo}, Error{kInvalidSettings}.
std::vector<std::filesystem::path> save_result(const GenerateResult& result,
                                               const std::filesystem::path& folder,
                                               const std::vector<std::string>& formats,
                                               const Naming& naming = {});

/// The same for a path as a person gives it. A folder is one that is there, a path without an ending, or one
/// that ends in a slash: then `formats`, or a GLB, is written into it. Any other path is a file, whose name
/// is the one wanted and whose ending says the format. Throws Error{kInvalidSettings} also for an ending that
/// is no format, or that is not the one asked for.
std::vector<std::filesystem::path> save_as(const GenerateResult& result, const std::filesystem::path& where,
                                           const std::vector<std::string>& formats = {},
                                           const Naming& naming = {});

/// What a result is made of, to be kept whatever is written: the picture, its mask and views.
std::vector<std::filesystem::path> input_files(const std::filesystem::path& picture,
                                               const Settings& settings);

/// Writes into a compressed .blend file what it was made of, as the other files say it. Throws Error{kIo},
/// Error{kInvalidSettings}.
void mark_blend(const GenerateResult& result, const std::filesystem::path& path);

/// What a person should know about a result's files of these formats; mostly nothing.
std::vector<std::string> notes_on_files(const GenerateResult& result,
                                        const std::vector<std::string>& formats);

/// The notes of a result, then those on its files.
std::vector<std::string> notes_of(const GenerateResult& result,
                                  const std::vector<std::filesystem::path>& files);

/// Makes the folder where it is not there and tries whether files can be written into it. Throws Error{kIo}.
void prepare_folder(const std::filesystem::path& folder);

/// Writes `DIR/NAME_sheet.png`, `DIR/NAME.exr`, `DIR/NAME_turntable.webp` with its frames, as asked, and
/// returns the files. Makes the folder. What is there is written over as save_result does. Throws Error{kIo},
/// Error{kInvalidSettings}, Error{kCancelled}.
std::vector<std::filesystem::path> save_renders(const GenerateResult& result,
                                                const std::filesystem::path& folder, const Renders& renders,
                                                const Naming& naming = {}, const CancelToken& cancel = {});

std::string version();  ///< of Relievo, e.g. "0.1.0"

}  // namespace relievo

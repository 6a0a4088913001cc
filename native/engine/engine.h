// Turns a GenerateRequest into a Job: the only place that knows the whole pipeline. It shows no type of
// torch, CUDA or any other library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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

/// A picture, as a file or in memory, and the settings of what to make of it. A picture in memory is decoded
/// on the job's thread. Where there is none, the first of the person's own views takes its place.
struct GenerateRequest {
  /// A file (files/pictures.h), or only a name when one of the next two is not empty.
  std::filesystem::path picture = {};
  Image image = {};
  ByteImage bytes = {};                 ///< 3 or 4 channels, sRGB-encoded
  std::vector<std::byte> encoded = {};  ///< a picture file's content
  /// Name of the result; where it is empty, the file's name without its extension is taken.
  std::string name = {};
  Settings settings = {};
  /// Ends after the first stage, without a result, for the sake of its preview. Such a job comes before all
  /// jobs that wait, and runs while the queue is paused too.
  bool only_foreground = false;
  /// With only_foreground and a picture that is no sheet: also shows the previews `picture` and `mask`.
  bool shows_mask = false;
};

enum class JobState { kWaiting, kRunning, kDone, kFailed, kCancelled };
const char* state_name(JobState state);  ///< `waiting`, `running`, `done`, `failed`, `cancelled`

struct JobStatus {
  JobState state = JobState::kWaiting;
  /// `foreground`, `multiview`, `reconstruct`, `surface` or `texture`; empty before the first and after the
  /// last.
  std::string stage;
  /// Share of the whole job that is done, 0..1, which only grows.
  double fraction = 0;
  double seconds = 0;  ///< seconds since it began to run
  /// An estimate, negative while it is unknown.
  double seconds_left = -1;
};

struct LogLine {
  double seconds = 0;  ///< seconds since the job began to run
  std::string text;
};

/// A picture of what a job has made so far, at most kPreviewSide pixels a side.
struct Preview {
  /// `foreground` (RGBA: the cut-out), `views` (RGB: the six views) or `shaded` (RGB: the finished object);
  /// or `picture` (RGB: the whole picture) and `mask` (RGB: white where its subject is), of kWholeSide
  /// pixels.
  std::string name;
  ByteImage picture;  ///< 3 or 4 channels, sRGB
};
inline constexpr int kPreviewSide = 256, kWholeSide = 1024;

/// How a device spent the time of a stage, in seconds.
struct StageSeconds {
  std::string device;
  double computing = 0;
  double transfer = 0;  ///< copies from and to other devices
  /// For other devices: for their part of the stage, or for a picture from the device before it.
  double waiting = 0;
};

struct StageReport {
  std::string name;  ///< `foreground`; `condition`, `diffusion`, `decode`; `reconstruct`, `surface`,
                     ///< `simplify`, `texture`
  double seconds = 0;
  /// The highest use of the worker's budget during the stage, all weights in it included.
  int64_t peak_bytes = 0;
  std::string device;  ///< the worker, or several with + in between
  std::string precision = {};
  int batch = 1;  ///< pictures that were made together
  /// The share, 0..1, of the GPU's memory that torch's allocator held after the stage and that no tensor
  /// used.
  std::optional<double> fragmentation = {};
  double load_seconds = 0;  ///< of `seconds`, for bringing weights in
  std::vector<StageSeconds> devices = {};
  /// It ran on a thread of the processor, while the device computed other pictures.
  bool on_side = false;
};

/// What several devices, or threads of the processor beside them, were worth, over all pictures of a run so
/// far.
struct SpeedUp {
  /// Times as fast as one device alone that makes one picture after the other; 0 where none can.
  double expected = 0;
  double reached = 0;      ///< the same, from the seconds in which each computed and its speed
  std::string limit = {};  ///< what keeps it from more: `surface, which cpu#0 computes alone (1.2 s)`
};

/// A device that a plan leaves idle.
struct IdleDevice {
  std::string device;
  std::string reason;  ///< `policy`, `strategy`, `nothing fits`, `one picture`, `not faster`
  std::string why;     ///< a sentence
};

/// A plan for a person.
struct PlanReport {
  /// What would be done and why, then what would not and why not.
  std::vector<std::string> sentences = {};
  std::vector<IdleDevice> idle = {};
  double seconds = 0;            ///< for all pictures, without loading weights
  double expected_speed_up = 0;  ///< as SpeedUp::expected
  std::string limit = {};        ///< as SpeedUp::limit
};

struct GenerateResult {
  std::string name;
  TexturedMesh mesh;                      ///< in scene axes (base/mesh.h), metres
  std::vector<std::byte> albedo_png;      ///< mesh.albedo as a PNG file, encoded on the job's thread
  std::vector<std::byte> normal_map_png;  ///< the same of the normal map; empty where there is none
  std::vector<std::byte> occlusion_png;   ///< the same of the ambient occlusion
  ByteImage foreground;                   ///< [S, S, 4] the cut-out that was meshed, sRGB, straight alpha
  Crop crop;                              ///< the square of the picture that became the foreground
  std::vector<StageReport> stages;
  std::string plan;  ///< tells in words what ran where
  /// Seconds of the stages, loading included, as they were expected before it began.
  double expected_seconds = 0;
  std::optional<SpeedUp> speed_up = {};  ///< nothing where one device computed, one picture after the other
  /// Sentences that the person should know, about the picture, the shape or the memory.
  std::vector<std::string> notes;
  bool lossy = false;  ///< true when something was made worse for lack of memory
};

/// Throws Error{kInvalidImage} for a picture in memory that is larger than a file's may be.
void check_picture_size(int64_t width, int64_t height);

/// A handle to one generation. Copies are the same job; every call is safe from any thread, and only wait()
/// waits. It stays valid after the Engine is destroyed, which cancels the job. In a process that was forked
/// off since, all calls but number() and name() throw Error{kInvalidSettings}.
class Job {
 public:
  struct State;
  explicit Job(std::shared_ptr<State> state) : state_(std::move(state)) {}

  /// A number in this process, from 1, in the order of submit().
  uint64_t number() const;
  const std::string& name() const;
  JobStatus status() const;
  std::vector<LogLine> log() const;
  /// Sentences that the person should know, as they came; a result has them, too.
  std::vector<std::string> notes() const;
  /// The previews in the order in which they came.
  std::vector<std::shared_ptr<const Preview>> previews() const;
  void cancel() const;  ///< may be called at any time, any number of times
  /// Waits until the job has ended. Returns false when `seconds` passed first; a negative value or a NaN
  /// waits without limit.
  bool wait(double seconds = -1) const;
  /// The error of a failed or cancelled job.
  std::optional<Error> error() const;
  std::shared_ptr<const GenerateResult> result() const;  ///< null until it is done, and after take()
  /// Returns the result, which the job then forgets: it lives as long as its last user. It survives the
  /// engine.
  std::shared_ptr<const GenerateResult> take() const;

  friend bool operator==(const Job&, const Job&) = default;  ///< true for handles to the same job

 private:
  friend class Engine;
  State& state() const;
  std::shared_ptr<State> state_;
};

inline constexpr Range<int> kThreadsRange{0, 1024};
inline constexpr Range<int> kPlannedPicturesRange{1, 10'000'000};
inline constexpr double kNever = 1e9;  ///< seconds that are as good as infinitely many

struct EngineOptions {
  /// Folder of the embedded models; where it is empty, it is found beside the program or in the source tree.
  std::filesystem::path models;
  int threads = 0;  ///< threads of the CPU; 0 uses all
  /// Time without a job after which models are unloaded; 0 or infinity keeps them.
  double idle_seconds = 0;
  /// The devices that compute (runtime/machine/workers.h): `cuda:0,cuda:1`, `cpu*2@3GiB`. Where it is empty,
  /// every GPU is used, or without one the CPU.
  std::string devices = {};
  std::string strategy = "auto";   ///< `auto`, `single`, `data`, `stage`, `guidance`, `split`, `offload`
  std::string policy = "fastest";  ///< `fastest`, `balanced`, `memory`
  /// Allows a lower precision or input size before a job fails for lack of memory.
  bool allow_lossy = true;
  /// How torch's allocator of GPUs is set (runtime/torch/allocator_settings.h): `auto`,
  /// `expandable-segments`, `max_split_size_mb=N`, or torch's own words.
  std::string allocator = "auto";
  /// Has a GPU that denoises alone record a step as a CUDA graph (multiview/unet_graph.h). It takes a step's
  /// memory a second time, which no plan counts.
  bool cuda_graphs = false;
};

/// Owns the models and the threads. One a process is enough. Jobs begin in the order of the queue, as many at
/// a time as the plan has device groups, or more where the processor's part of one picture overlaps the
/// devices' part of others. Every call is safe from any thread, and only close() and the
/// destructor wait for a job. In a process that was forked off since an engine was made, threads are missing:
/// there these two do nothing, all other calls throw Error{kInvalidSettings}, and no engine can be made.
class Engine {
 public:
  /// Throws Error{kInvalidSettings} for options out of range.
  explicit Engine(const EngineOptions& options = {});
  ~Engine();  ///< calls close()
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Cancels the jobs that run and wait, and returns within about a second. From then on submit() refuses;
  /// all other calls still answer.
  void close();

  /// Throws Error{kInvalidSettings} or Error{kModelMissing} at once, and Error{kIo} for a folder or list of
  /// views that cannot be read; every other error is the job's (also devices that are not there).
  Job submit(GenerateRequest request);

  /// The jobs that run, then those that wait, in order.
  std::vector<Job> queue() const;
  /// Moves a waiting job to `place` among those that wait (0 is the next; a number that is too large means
  /// the last). Returns false when it does not wait.
  bool move(const Job& job, size_t place);
  /// Keeps jobs from beginning until the queue is resumed; one that runs goes on to its end.
  void pause();
  void resume();
  bool paused() const;

  /// The names of the workers that compute. The first call looks at the machine, which takes a tenth of a
  /// second. Throws Error{kInvalidSettings} for devices that are not there.
  std::vector<std::string> workers() const;

  /// Plans so many pictures with these settings. Takes a few milliseconds, the first time as long as
  /// workers(). Throws Error{kInvalidSettings}, Error{kOutOfMemory} when nothing fits, Error{kModelMissing}.
  PlanReport plan(const Settings& settings, int pictures) const;
  /// The sentences of that.
  std::vector<std::string> explain_plan(const Settings& settings, int pictures) const {
    return plan(settings, pictures).sentences;
  }

  /// Gives the memory of loaded models back to the system, after the job that runs has ended.
  void unload();
  bool loaded() const;  ///< true while models are in memory
  /// Throws Error{kInvalidSettings} below 0 and for a NaN.
  void set_idle_seconds(double seconds);

 private:
  class Workers;
  class QueuedJobs;
  struct Impl;
  Impl& impl() const;
  std::unique_ptr<Impl> impl_;
};

/// The choice of a name under which a result's files overwrite nothing of others.
struct Naming {
  /// Checksums of earlier content of the picture: files of those results are replaced too.
  std::vector<std::string> former = {};
  std::string name = {};  ///< the name that is wanted; the result's where empty
  /// True when name_results gave the name for this folder: the folder is then not listed again, unless a file
  /// of that name has come since.
  bool is_given = false;
};

/// Writes `DIR/NAME.FORMAT` for each format (glb, obj, fbx, ply, stl, 3mf) and returns the files, companions
/// (MTL, PNG) included. Makes the folder. No file under its final name is ever half-written. A file that is
/// there is overwritten only where an earlier result of the same picture, or of one of the former checksums,
/// wrote it and it is none of this result's inputs; otherwise NAME gets a number (engine/result_names.h).
/// This also holds for files that other processes write there at the same moment. Throws Error{kIo},
/// Error{kInvalidSettings}.
std::vector<std::filesystem::path> save_result(const GenerateResult& result,
                                               const std::filesystem::path& folder,
                                               const std::vector<std::string>& formats,
                                               const Naming& naming = {});

/// Does the same for a path as a person gives it. A path that is an existing folder, has no ending, or ends
/// in a slash is a folder: `formats`, or a GLB, is written into it. Any other path is a file, whose name is
/// the wanted one and whose ending tells the format. Throws Error{kInvalidSettings} also for an ending that
/// is no format, or that differs from the one asked for.
std::vector<std::filesystem::path> save_as(const GenerateResult& result, const std::filesystem::path& where,
                                           const std::vector<std::string>& formats = {},
                                           const Naming& naming = {});

/// The files that a result is made of, which are kept whatever is written: the picture, its mask and views.
std::vector<std::filesystem::path> input_files(const std::filesystem::path& picture,
                                               const Settings& settings);

/// Writes `DIR/NAME.FORMAT` as Blender writes it, and returns it; FORMAT is blend or usdz. `write` writes a
/// compressed .blend file or a USDZ archive to the path that it is given, which is in DIR because paths in a
/// .blend may be relative to it; it is called again if another process has taken NAME meanwhile. What the
/// file was made of is recorded in it, and NAME is found as save_result does. Throws Error{kIo},
/// Error{kInvalidSettings}, and what `write` throws.
std::filesystem::path save_by_blender(const GenerateResult& result, const std::filesystem::path& folder,
                                      const std::string& format,
                                      const std::function<void(const std::filesystem::path& file)>& write,
                                      const Naming& naming = {});

/// The notes that a person should read about a result's files of these formats; mostly none.
std::vector<std::string> notes_on_files(const GenerateResult& result,
                                        const std::vector<std::string>& formats);

/// The notes of a result, followed by those about its files.
std::vector<std::string> notes_of(const GenerateResult& result,
                                  const std::vector<std::filesystem::path>& files);

/// Makes the folder where it is not there, and checks that files can be written into it. Throws Error{kIo}.
void prepare_folder(const std::filesystem::path& folder);

/// Writes `DIR/NAME_sheet.png`, `DIR/NAME.exr`, `DIR/NAME_turntable.webp` with its frames, as asked, and
/// returns the files. Makes the folder. Files that are there are overwritten as save_result does. Throws
/// Error{kIo}, Error{kInvalidSettings}, Error{kCancelled}.
std::vector<std::filesystem::path> save_renders(const GenerateResult& result,
                                                const std::filesystem::path& folder, const Renders& renders,
                                                const Naming& naming = {}, const CancelToken& cancel = {});

std::string version();  ///< version of Relievo, e.g. "0.1.0"

}  // namespace relievo

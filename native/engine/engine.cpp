#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/log.h"
#include "base/parallel.h"
#include "base/resample.h"
#include "engine/job.h"
#include "engine/pipeline.h"
#include "files/meshes.h"
#include "files/pictures.h"
#include "nn/errors.h"
#include "render/contact_sheet.h"
#include "render/layers_file.h"
#include "render/turntable.h"

namespace relievo {

std::string version() { return RELIEVO_VERSION; }

namespace {

ByteImage shrunk(const Image& image) {
  const ByteImage bytes = to_bytes(image);
  const int longer = std::max(bytes.width, bytes.height);
  if (longer <= kPreviewSide) return bytes;
  const auto scaled = [&](int side) { return std::max(1, side * kPreviewSide / longer); };
  return resample(bytes, scaled(bytes.width), scaled(bytes.height), ResampleFilter::kBilinear);
}

/// What was freed stays with the process otherwise.
void give_memory_back() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

/// The object at a slant, as a person would look at it first.
ByteImage shaded(const TexturedMesh& mesh, const Control& control) {
  const Renderer renderer(mesh);
  const View view = framed_views(mesh.surface, {{30, 15}}, kPreviewSide)[0];
  constexpr int kSamples = 4;
  return on_background(renderer.render(view, kSamples, control), {});
}

}  // namespace

struct Engine::Impl {
  using Clock = std::chrono::steady_clock;
  using StatePointer = std::shared_ptr<Job::State>;

  explicit Impl(const EngineOptions& options)
      : models(find_models(options.models)),
        threads(options.threads),
        idle_seconds(options.idle_seconds),
        worker([this] { work(); }) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      is_closing = true;
      if (running) Job(running).cancel();
      for (const auto& job : queue) Job(job).cancel();
    }
    wake.notify_all();
    worker.join();
  }

  void work() {
    if (threads > 0) {
      at::set_num_threads(threads);
      set_parallel_threads(threads);
    }
    std::unique_lock lock(mutex);
    Clock::time_point idle_since = Clock::now();
    while (true) {
      const auto is_wanted = [&] {
        return is_closing || wants_unload || is_idle_time_new || next_in_queue() != queue.end();
      };
      is_idle_time_new = false;
      if (idle_seconds > 0 && is_loaded) {
        const auto due = idle_since + std::chrono::duration_cast<Clock::duration>(
                                          std::chrono::duration<double>(idle_seconds));
        if (!wake.wait_until(lock, due, is_wanted)) wants_unload = true;
      } else {
        wake.wait(lock, is_wanted);
      }
      if (wants_unload) {
        lock.unlock();
        models.unload();
        give_memory_back();
        lock.lock();
        wants_unload = is_loaded = false;
      }
      if (is_closing) return;
      const auto next = next_in_queue();
      if (next == queue.end()) continue;
      running = *next;
      queue.erase(next);
      lock.unlock();
      if (running->begin()) run(*running);
      lock.lock();
      is_loaded = models.is_loaded();
      running.reset();
      idle_since = Clock::now();
    }
  }

  /// The first that may run now. Under the lock.
  std::deque<StatePointer>::iterator next_in_queue() {
    if (!is_paused) return queue.begin();
    return std::find_if(queue.begin(), queue.end(),
                        [](const StatePointer& job) { return job->request.only_foreground; });
  }

  void run(Job::State& job) {
    const auto show = [&](const std::string& name, const Image& picture) {
      job.show({name, shrunk(picture)});
    };
    const auto enter = [&](const std::string& stage) {
      job.enter(stage);
      job.log(fmt::format("Stage {} begins.", stage));
    };
    set_log_sink([&](LogLevel level, std::string_view line) {
      if (level != LogLevel::kDebug) job.log(std::string(line));
    });
    try {
      const Control control{Progress([&](double fraction) { job.report(fraction); }), job.cancel};
      std::shared_ptr<GenerateResult> result;
      if (job.request.only_foreground) {
        enter("foreground");
        show("foreground", find_foreground(job.request, models, control).image);
      } else {
        constexpr double kPreviewShare = 0.03;
        result = std::make_shared<GenerateResult>(
            run_pipeline(job.request, models, control.part(0, 1 - kPreviewShare), {enter, show}));
        if (!result->mesh.normal_map.pixels.empty() && result->normal_map_png.empty()) {
          result->normal_map_png = encode_png(result->mesh.normal_map);
        }
        for (const StageReport& stage : result->stages) {
          job.log(fmt::format("{}: {:.2f} s on {}", stage.name, stage.seconds, stage.device));
        }
        job.show({"shaded", shaded(result->mesh, control.part(1 - kPreviewShare, 1))});
      }
      // What the request holds of pictures is not needed any more, and the job may live long.
      job.request.image = {};
      job.request.bytes = {};
      job.request.encoded = {};
      set_log_sink(nullptr);
      job.finish(std::move(result));
    } catch (...) {
      set_log_sink(nullptr);
      Error error = current_torch_error();
      job.log(error.message());
      job.fail(std::move(error));
    }
  }

  Models models;  // used by the worker only
  const int threads;
  mutable std::mutex mutex;
  std::condition_variable wake;
  // Guarded by `mutex`:
  std::deque<StatePointer> queue;
  StatePointer running;
  double idle_seconds;
  bool is_idle_time_new = false;
  bool is_loaded = false;
  bool is_paused = false;
  bool wants_unload = false;
  bool is_closing = false;
  std::thread worker;  // last: it uses the others
};

Engine::Engine(const EngineOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Engine::~Engine() = default;

Job Engine::submit(GenerateRequest request) {
  check_request(request);
  auto state = std::make_shared<Job::State>(std::move(request));
  {
    const std::lock_guard lock(impl_->mutex);
    auto place = impl_->queue.end();
    if (state->request.only_foreground) place = impl_->queue.begin();
    impl_->queue.insert(place, state);
  }
  impl_->wake.notify_all();
  return Job(state);
}

std::vector<Job> Engine::queue() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Job> jobs;
  if (impl_->running) jobs.emplace_back(impl_->running);
  for (const auto& state : impl_->queue) {
    if (Job(state).status().state == JobState::kWaiting) jobs.emplace_back(state);
  }
  return jobs;
}

bool Engine::move(const Job& job, size_t place) {
  const std::lock_guard lock(impl_->mutex);
  auto& queue = impl_->queue;
  std::erase_if(queue, [](const auto& state) { return Job(state).status().state != JobState::kWaiting; });
  const auto found = std::find(queue.begin(), queue.end(), job.state_);
  if (found == queue.end()) return false;
  queue.erase(found);
  queue.insert(queue.begin() + static_cast<std::ptrdiff_t>(std::min(place, queue.size())), job.state_);
  return true;
}

void Engine::pause() {
  const std::lock_guard lock(impl_->mutex);
  impl_->is_paused = true;
}

void Engine::resume() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->is_paused = false;
  }
  impl_->wake.notify_all();
}

bool Engine::paused() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->is_paused;
}

void Engine::unload() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->wants_unload = true;
  }
  impl_->wake.notify_all();
}

bool Engine::loaded() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->is_loaded;
}

void Engine::set_idle_seconds(double seconds) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->idle_seconds = seconds;
    impl_->is_idle_time_new = true;
  }
  impl_->wake.notify_all();
}

namespace {

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kIo,
                fmt::format("Cannot make the folder '{}': {}.", folder.string(), error.message()),
                "Choose a folder that you may write to.");
  }
}

}  // namespace

std::vector<std::filesystem::path> save_renders(const GenerateResult& result,
                                                const std::filesystem::path& folder, const Renders& renders) {
  make_folder(folder);
  std::vector<std::filesystem::path> files;
  const Renderer renderer(result.mesh);
  if (renders.sheet) {
    files.push_back(folder / (result.name + "_sheet.png"));
    write_contact_sheet(files.back(), renderer, result.foreground);
  }
  if (renders.exr) {
    constexpr int kSide = 1024;
    const View front = framed_views(result.mesh.surface, {{0, 12}}, kSide)[0];
    files.push_back(folder / (result.name + ".exr"));
    write_layers(files.back(), renderer.render(front), ExrPrecision::kHalf, result.mesh.provenance);
  }
  if (renders.turntable > 0) {
    using Frames = TurntableSettings::Frames;
    const auto turned =
        write_turntable(folder, result.name, renderer,
                        {.frames = renders.turntable, .format = renders.exr ? Frames::kExr : Frames::kPng});
    files.insert(files.end(), turned.begin(), turned.end());
  }
  return files;
}

std::vector<std::filesystem::path> save_result(const GenerateResult& result,
                                               const std::filesystem::path& folder,
                                               const std::vector<std::string>& formats) {
  make_folder(folder);
  std::vector<std::filesystem::path> files;
  for (const std::string& format : formats) {
    const auto written = write_mesh(folder, result.name, format, result.mesh, result.albedo_png);
    files.insert(files.end(), written.begin(), written.end());
  }
  return files;
}

}  // namespace relievo

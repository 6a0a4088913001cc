#include "engine/engine.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "base/parallel.h"
#include "engine/job.h"
#include "engine/pipeline.h"
#include "files/meshes.h"
#include "nn/errors.h"
#include "render/contact_sheet.h"
#include "render/layers_file.h"
#include "render/turntable.h"

namespace relievo {

std::string version() { return RELIEVO_VERSION; }

struct Engine::Impl {
  explicit Impl(const EngineOptions& options)
      : models(find_models(options.models)), threads(options.threads), worker([this] { work(); }) {}

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
    while (true) {
      wake.wait(lock, [&] { return is_closing || wants_unload || !queue.empty(); });
      if (wants_unload) {
        wants_unload = false;
        models.unload();
      }
      if (is_closing) return;
      if (queue.empty()) continue;
      running = queue.front();
      queue.pop_front();
      lock.unlock();
      if (running->begin()) run(*running);
      lock.lock();
      running.reset();
    }
  }

  void run(Job::State& job) {
    try {
      const Control control{Progress([&](double fraction) { job.report(fraction); }), job.cancel};
      job.finish(
          run_pipeline(job.request, models, control, [&](const std::string& stage) { job.enter(stage); }));
    } catch (...) {
      job.fail(current_torch_error());
    }
  }

  Models models;  // used by the worker only
  const int threads;
  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by `mutex`:
  std::deque<std::shared_ptr<Job::State>> queue;
  std::shared_ptr<Job::State> running;
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
    impl_->queue.push_back(state);
  }
  impl_->wake.notify_all();
  return Job(state);
}

void Engine::unload() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->wants_unload = true;
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

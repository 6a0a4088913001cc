#include "verify/pipeline_run.h"

#include "base/clock.h"
#include "engine/costs.h"
#include "engine/pipeline.h"
#include "nn/errors.h"
#include "runtime/execute/execute.h"
#include "runtime/torch/worker_hooks.h"
#include "verify/job_list.h"

namespace relievo {

Settings random_model_settings(ModelSize size) {
  Settings settings;
  settings.model = kRandomModel;
  settings.mask = MaskKind::kAlpha;
  settings.seed = 7;
  settings.steps = 2;
  if (size == ModelSize::kFull) return settings;
  settings.input_size = 64;
  settings.grid = 20;
  settings.texture_size = 64;
  return settings;
}

PipelineRun run_pipeline(const std::vector<Worker>& workers, const Settings& settings, int pictures,
                         Strategy strategy, const CancelToken& cancel,
                         const std::function<void(Plan&)>& adapt) {
  constexpr int kPictureSide = 384;
  GenerateRequest request;
  request.name = "gpu-check";
  request.settings = settings;
  request.bytes = profiling_picture(kPictureSide, true);
  complete_request(request);
  const auto stages = make_stages(pipeline_config(settings), find_models({}));
  prepare(stages, settings, workers);
  const PlanOptions wanted{.pictures = pictures, .strategy = strategy};
  PipelineRun run;
  run.plan = find_plan(workers, profiles_of(stages), wanted);
  if (adapt) adapt(run.plan);
  const DeviceGroup& first = run.plan.groups.front();
  for (size_t i = 0; i < first.workers.size(); ++i) {
    if (first.workers[i] == 0) run.planned_bytes = first.peak_bytes.at(i);
  }
  WorkerHooks hooks = make_worker_hooks(workers);
  hooks.current_error = current_torch_error;
  Executor executor(workers, std::vector<std::shared_ptr<Stage>>(stages.begin(), stages.end()),
                    {.hooks = hooks});
  auto job = std::make_shared<JobContext>();
  job->request = &request;
  job->cancel = cancel;
  PictureWork work;
  work.job = std::move(job);
  JobList jobs(std::vector<std::any>(static_cast<size_t>(pictures), work));
  const auto begin = Clock::now();
  executor.run(run.plan, jobs, {.plan = wanted, .cancel = cancel});
  run.seconds = seconds_since(begin);
  for (const Outcome& outcome : jobs.outcomes) {
    if (outcome.error) throw *outcome.error;
    const auto& made = std::any_cast<const PictureWork&>(outcome.value);
    if (made.error) throw *made.error;
    run.meshes.push_back(std::get<FinishedPicture>(made.made)->mesh);
  }
  run.stages = jobs.outcomes.front().stages;
  run.notes = jobs.outcomes.front().notes;
  for (const StageRun& stage : run.stages) {
    if (stage.worker == workers.front().name) {
      run.counted_bytes = std::max(run.counted_bytes, stage.peak_bytes);
    }
  }
  return run;
}

}  // namespace relievo

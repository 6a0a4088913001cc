#include "engine/job_run.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/address_space.h"
#include "base/resample.h"
#include "nn/errors.h"

namespace relievo {
namespace {

/// A see-through pixel has a share in its neighbours' colours only as far as it is seen.
ByteImage resample_by_alpha(ByteImage image, int width, int height) {
  if (image.channels != 4) return resample(image, width, height, ResampleFilter::kBilinear);
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    for (size_t c = 0; c < 3; ++c) {
      image.pixels[i + c] = static_cast<uint8_t>(over_255(image.pixels[i + c] * image.pixels[i + 3]));
    }
  }
  ByteImage result = resample(image, width, height, ResampleFilter::kBilinear);
  for (size_t i = 0; i < result.pixels.size(); i += 4) {
    const int alpha = result.pixels[i + 3];
    if (alpha == 0) continue;
    for (size_t c = 0; c < 3; ++c) {
      result.pixels[i + c] =
          static_cast<uint8_t>(std::min((result.pixels[i + c] * 255 + alpha / 2) / alpha, 255));
    }
  }
  return result;
}

ByteImage shrunk(const Image& image, int side) {
  ByteImage bytes = to_bytes(image);
  const int longer = std::max(bytes.width, bytes.height);
  if (longer <= side) return bytes;
  const auto scaled = [&](int length) { return std::max(1, length * side / longer); };
  const int width = scaled(bytes.width), height = scaled(bytes.height);
  return resample_by_alpha(std::move(bytes), width, height);
}

}  // namespace

std::shared_ptr<const JobContext> context_of(const StatePointer& job) {
  auto context = std::make_shared<JobContext>();
  context->request = &job->request;
  context->cancel = job->cancel;
  context->on_stage = [job](const std::string& stage) {
    job->enter(stage);
    job->log(fmt::format("Stage {} begins.", stage));
  };
  context->on_progress = [job](double fraction) { job->report(fraction); };
  context->on_picture = [job](const std::string& name, const Image& picture) {
    const bool is_whole = name == "picture" || name == "mask";
    job->show({name, shrunk(picture, is_whole ? kWholeSide : kPreviewSide)});
  };
  context->on_log = [job](const std::string& line) { job->log(line); };
  context->on_note = [job](const std::string& note) {
    const std::lock_guard lock(job->mutex);
    job->notes.push_back(note);
  };
  return context;
}

Error engine_is_closed() {
  return {ErrorCode::kInvalidSettings, "The engine is closed.", "Make another one for further jobs."};
}

void forget_pictures(Job::State& job) {
  job.request.image = {};
  job.request.bytes = {};
  job.request.encoded = {};
}

void end_with(Job::State& job, const Error& error) noexcept {
  try {
    forget_pictures(job);
    job.log(error.message());
    job.fail(with_address_space(error));
  } catch (...) {
    job.fail_for_want_of_memory();
  }
}

void end_with_current_error(Job::State& job) noexcept {
  try {
    end_with(job, current_torch_error());
  } catch (...) {
    job.fail_for_want_of_memory();
  }
}

void give_memory_back() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace relievo

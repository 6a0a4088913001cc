#include "render/turntable.h"

#include <atomic>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/parallel.h"
#include "base/system_error.h"
#include "files/animation.h"
#include "files/pictures.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using Frames = TurntableSettings::Frames;

void require_valid(const TurntableSettings& settings) {
  const bool fine = settings.frames >= 1 && settings.frames <= 3600 && settings.side >= 16 &&
                    settings.side <= 8192 && settings.elevation_degrees >= -90 &&
                    settings.elevation_degrees <= 90 && settings.frames_per_second >= 1 &&
                    settings.frames_per_second <= 240;
  if (fine) return;
  throw Error(
      ErrorCode::kInvalidSettings,
      fmt::format("Cannot make a turntable of {} frames of {} pixels, elevation {}, {} frames a second.",
                  settings.frames, settings.side, settings.elevation_degrees, settings.frames_per_second),
      "Use 1 to 3600 frames, 16 to 8192 pixels, -90 to 90 degrees and 1 to 240 frames a second.");
}

[[noreturn]] void throw_io(const fs::path& path, const std::error_code& error) {
  throw system_error(fmt::format("Cannot write '{}'", path.string()), error.value(),
                     "Check that the folder exists and that you may write to it.");
}

/// A folder beside the final one, which is removed at the end with all that is still in it.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& beside) {
    path_ = temporary_beside(beside);
    std::error_code error;
    if (!fs::create_directory(path_, error)) throw_io(beside, error);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void move_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw_io(to, error);
}

}  // namespace

std::vector<fs::path> write_turntable(const fs::path& folder, const std::string& name,
                                      const Renderer& renderer, const TurntableSettings& settings,
                                      const Control& control) {
  require_valid(settings);
  std::vector<Angle> angles;
  for (int i = 0; i < settings.frames; ++i) {
    angles.push_back({360.0 * i / settings.frames, settings.elevation_degrees});
  }
  const std::vector<View> views = framed_views(renderer.mesh().surface, angles, settings.side);
  const fs::path final_folder = folder / (name + "_turntable");
  const fs::path animation = folder / (name + "_turntable.webp");
  const WorkFolder work(final_folder);

  const bool as_exr = settings.format == Frames::kExr;
  const auto frame_name = [&](int64_t i) {
    return fmt::format("{}_{:04}.{}", name, i + 1, as_exr ? "exr" : "png");
  };
  std::vector<std::vector<std::byte>> animation_frames(views.size());
  std::atomic<int> done{0};
  parallel_for(settings.frames, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const Control quiet{{}, control.cancel};
      const Layers layers = renderer.render(views[i], settings.samples, quiet);
      if (settings.animation) {
        animation_frames[i] = encode_animation_frame(on_background(layers, renderer.shadow(views[i], quiet)));
      }
      const fs::path path = work.path() / frame_name(i);
      if (as_exr) {
        write_layers(path, layers, settings.precision, renderer.mesh().provenance);
      } else if (settings.format == Frames::kPng) {
        write_atomically(path, encode_png(on_nothing(layers), renderer.mesh().provenance));
      }
      control.step(0.98 * ++done / settings.frames);
    }
  });

  if (settings.animation) {
    write_atomically(
        work.path() / "animation.webp",
        encode_animation(animation_frames, 1000 / settings.frames_per_second, renderer.mesh().provenance));
  }
  control.cancel.check();
  std::vector<fs::path> files;
  if (settings.animation) {
    move_file(work.path() / "animation.webp", animation);
    files.push_back(animation);
  }
  if (settings.format != Frames::kNone) {
    std::error_code error;
    fs::create_directory(final_folder, error);
    if (error) throw_io(final_folder, error);
    for (int64_t i = 0; i < settings.frames; ++i) {
      files.push_back(final_folder / frame_name(i));
      move_file(work.path() / frame_name(i), files.back());
    }
  }
  control.progress.report(1);
  return files;
}

}  // namespace relievo

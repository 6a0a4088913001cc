// The files of a result.
#include <span>

#include <fmt/format.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "engine/engine.h"
#include "files/meshes.h"
#include "render/contact_sheet.h"
#include "render/layers_file.h"
#include "render/turntable.h"

namespace relievo {
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

void prepare_folder(const std::filesystem::path& folder) {
  make_folder(folder);
  std::error_code error;
  const std::filesystem::path trial = folder / fmt::format(".relievo.{}.part.tmp", ::getpid());
  write_atomically(trial, std::as_bytes(std::span("relievo")));
  std::filesystem::remove(trial, error);
}

std::vector<std::filesystem::path> save_renders(const GenerateResult& result,
                                                const std::filesystem::path& folder, const Renders& renders) {
  make_folder(folder);
  std::vector<std::filesystem::path> files;
  const Renderer renderer(result.mesh);
  if (renders.sheet) {
    files.push_back(folder / (result.name + "_sheet.png"));
    write_contact_sheet(files.back(), renderer, from_bytes(result.foreground));
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

// Saves the files of a result.
#include <algorithm>
#include <array>
#include <cctype>
#include <functional>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/atomic_file.h"
#include "base/refusals.h"
#include "base/system_error.h"
#include "engine/clean_name.h"
#include "engine/engine.h"
#include "engine/own_files.h"
#include "engine/staged_files.h"
#include "files/meshes.h"
#include "files/source_mark.h"
#include "render/contact_sheet.h"
#include "render/layers_file.h"
#include "render/turntable.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw system_error(fmt::format("Cannot make the folder '{}'", folder.string()), error.value(),
                       "Choose a folder that you may write to.");
  }
}

/// Lets `write` write the files of these `formats` and `renders`, under the wanted name or that name with a
/// number.
std::vector<fs::path> save_named(
    const GenerateResult& result, const fs::path& folder, const std::vector<std::string>& formats,
    const Renders& renders, const Naming& naming,
    const std::function<std::vector<fs::path>(const fs::path& folder, const std::string& name)>& write) {
  make_folder(folder);
  const Provenance& provenance = result.mesh.provenance;
  std::vector<fs::path> inputs;
  if (!provenance.settings.empty()) {
    inputs = input_files(provenance.picture, settings_from_json(provenance.settings));
  }
  std::vector<std::string> checksums = naming.former;
  if (!provenance.checksum.empty()) checksums.push_back(provenance.checksum);
  const OwnFiles own(inputs, checksums);
  const NamedPicture picture{naming.name.empty() ? result.name : naming.name, provenance.checksum,
                             naming.former};
  const auto is_free = [&](const std::string& name) {
    const auto files = file_names(name, formats, renders);
    return std::all_of(files.begin(), files.end(),
                       [&](const fs::path& file) { return own.may_be_written(folder / file); });
  };
  std::vector<std::string> taken;
  std::string name = clean_name(picture.name);
  if (!naming.is_given || !is_free(name))
    name = name_results({picture}, {folder, formats, renders, inputs})[0];
  while (true) {
    StagedFiles staged(folder, name);
    staged.write([&](const fs::path& place) { return write(place, name); });
    if (const auto files = staged.publish(own)) return *files;
    // Another process has just given a file this name.
    taken.push_back(name);
    name = name_results({picture}, {folder, formats, renders, inputs, taken})[0];
  }
}

/// The endings of mesh files, without the dot.
constexpr std::array kFormats{"glb", "obj", "fbx", "ply", "stl", "3mf"};

bool is_format(const std::string& word) {
  return std::find(kFormats.begin(), kFormats.end(), word) != kFormats.end();
}

}  // namespace

std::vector<fs::path> input_files(const fs::path& picture, const Settings& settings) {
  std::vector<fs::path> inputs;
  for (const OwnView& view : settings.views) {
    inputs.emplace_back(view.picture);
    if (!view.mask.empty()) inputs.emplace_back(view.mask);
  }
  if (!settings.mask_file.empty()) inputs.emplace_back(settings.mask_file);
  if (!picture.empty()) inputs.push_back(picture);
  return inputs;
}

void prepare_folder(const fs::path& folder) {
  make_folder(folder);
  std::error_code error;
  const fs::path trial = temporary_beside(folder / "relievo.tmp");
  write_atomically(trial, std::as_bytes(std::span("relievo")));
  fs::remove(trial, error);
}

std::vector<fs::path> save_renders(const GenerateResult& result, const fs::path& folder,
                                   const Renders& renders, const Naming& naming, const CancelToken& cancel) {
  const Control control{{}, cancel};
  const Renderer renderer(result.mesh);
  return save_named(result, folder, {}, renders, naming, [&](const fs::path& place, const std::string& name) {
    std::vector<fs::path> files;
    if (renders.sheet) {
      files.push_back(place / (name + "_sheet.png"));
      write_contact_sheet(files.back(), renderer, from_bytes(result.foreground), kSheetCell, control);
    }
    if (renders.exr) {
      constexpr int kSide = 1024;
      const View front = framed_views(result.mesh.surface, {{0, 12}}, kSide)[0];
      files.push_back(place / (name + ".exr"));
      write_layers(files.back(), renderer.render(front, Renderer::kSamples, control), ExrPrecision::kHalf,
                   result.mesh.provenance);
    }
    if (renders.turntable > 0) {
      using Frames = TurntableSettings::Frames;
      const auto turned = write_turntable(
          place, name, renderer,
          {.frames = renders.turntable, .format = renders.exr ? Frames::kExr : Frames::kPng}, control);
      files.insert(files.end(), turned.begin(), turned.end());
    }
    return files;
  });
}

std::vector<fs::path> save_result(const GenerateResult& result, const fs::path& folder,
                                  const std::vector<std::string>& formats, const Naming& naming) {
  return save_named(result, folder, formats, {}, naming, [&](const fs::path& place, const std::string& name) {
    std::vector<fs::path> files;
    for (const std::string& format : formats) {
      const auto written = write_mesh(place, name, format, result.mesh, result.albedo_png);
      files.insert(files.end(), written.begin(), written.end());
    }
    return files;
  });
}

std::vector<fs::path> save_as(const GenerateResult& result, const fs::path& where,
                              const std::vector<std::string>& formats, const Naming& naming) {
  std::error_code error;
  std::string ending = where.extension().string();
  if (ending.size() <= 1 || fs::is_directory(where, error)) {
    return save_result(result, where, formats.empty() ? std::vector<std::string>{kFormats[0]} : formats,
                       naming);
  }
  ending.erase(0, 1);
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!is_format(ending)) {
    throw Error(
        ErrorCode::kInvalidSettings, fmt::format("Unknown format '{}' of '{}'.", ending, where.string()),
        fmt::format("Let the name end in .{}; a folder that is not there yet is named with a slash at its "
                    "end.",
                    fmt::join(kFormats, ", .")));
  }
  if (!formats.empty() && formats != std::vector{ending}) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("'{}' names a file of the format {}, and {} is asked for.", where.string(),
                            ending, fmt::join(formats, ", ")),
                "Name a folder, or leave the formats out.");
  }
  const fs::path folder = where.has_parent_path() ? where.parent_path() : ".";
  Naming named = naming;
  named.name = where.stem().string();
  return save_result(result, folder, {ending}, named);
}

fs::path save_by_blender(const GenerateResult& result, const fs::path& folder, const std::string& format,
                         const std::function<void(const fs::path& file)>& write, const Naming& naming) {
  if (format != "blend" && format != "usdz")
    throw unknown_value("format", format, std::array<std::string, 2>{"blend", "usdz"});
  const auto write_marked = [&](const fs::path& place, const std::string& name) {
    std::vector<fs::path> files{place / (name + "." + format)};
    const fs::path temporary = temporary_beside(folder / (name + "." + format));
    try {
      write(temporary);
      (format == "blend" ? mark_blend : mark_zip)(temporary, result.mesh.provenance);
      rename_to_free(temporary, files[0]);
    } catch (...) {
      std::error_code ignored;
      fs::remove(temporary, ignored);
      throw;
    }
    return files;
  };
  return save_named(result, folder, {format}, {}, naming, write_marked)[0];
}

std::vector<std::string> notes_on_files(const GenerateResult& result,
                                        const std::vector<std::string>& formats) {
  const bool has_glb = std::find(formats.begin(), formats.end(), "glb") != formats.end();
  if (!has_glb || !settings_from_json(result.mesh.provenance.settings).vertex_colours) return {};
  return {
      "Vertex colours are left out of GLB files, where they would darken the texture: they are in PLY, OBJ "
      "and .blend files."};
}

std::vector<std::string> notes_of(const GenerateResult& result, const std::vector<fs::path>& files) {
  std::vector<std::string> formats;
  for (const fs::path& file : files) {
    const std::string ending = file.extension().string();
    if (!ending.empty()) formats.push_back(ending.substr(1));
  }
  std::vector<std::string> notes = result.notes;
  const auto on_files = notes_on_files(result, formats);
  notes.insert(notes.end(), on_files.begin(), on_files.end());
  return notes;
}

}  // namespace relievo

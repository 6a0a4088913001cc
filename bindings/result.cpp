#include <chrono>
#include <future>

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "bindings.h"
#include "views.h"

namespace py = pybind11;
namespace fs = std::filesystem;

namespace relievo::bindings {
namespace {

py::memoryview memory_of(const std::vector<std::byte>& bytes, const py::object& owner) {
  const auto size = static_cast<py::ssize_t>(bytes.size());
  return py::memoryview(view(reinterpret_cast<const uint8_t*>(bytes.data()), {size}, owner));
}

/// Calls work(cancel) on a thread of its own and waits without the lock. An exception that a signal handler
/// raises meanwhile, as Ctrl-C does, cancels it and is passed on.
template <typename Work>
auto interruptible(const Work& work) {
  const CancelToken cancel;
  auto done = std::async(std::launch::async, [&] { return work(cancel); });
  const auto is_ready = [&](std::chrono::milliseconds time) {
    const py::gil_scoped_release unlocked;
    return done.wait_for(time) == std::future_status::ready;
  };
  while (!is_ready(std::chrono::milliseconds(50))) {
    if (PyErr_CheckSignals() == 0) continue;
    const py::error_already_set raised;
    cancel.cancel();
    while (!is_ready(std::chrono::milliseconds(50))) continue;
    throw raised;
  }
  return done.get();
}

void bind_mesh(py::module_& module) {
  py::class_<SurfaceReport>(module, "SurfaceReport", py::module_local())
      .def_readonly("watertight", &SurfaceReport::watertight)
      .def_readonly("manifold", &SurfaceReport::manifold)
      .def_readonly("components", &SurfaceReport::components)
      .def_readonly("euler", &SurfaceReport::euler)
      .def_readonly("area", &SurfaceReport::area)
      .def_readonly("volume", &SurfaceReport::volume);

  py::class_<TextureReport>(module, "TextureReport", py::module_local())
      .def_readonly("charts", &TextureReport::charts)
      .def_readonly("coverage", &TextureReport::coverage)
      .def_readonly("mean_stretch", &TextureReport::mean_stretch)
      .def_readonly("gap", &TextureReport::gap);

  py::class_<Provenance>(module, "Provenance", py::module_local())
      .def_property_readonly("picture",
                             [](const Provenance& provenance) {  // a path may not be valid UTF-8
                               const std::string& path = provenance.picture;
                               return py::reinterpret_steal<py::str>(PyUnicode_DecodeFSDefaultAndSize(
                                   path.data(), static_cast<py::ssize_t>(path.size())));
                             })
      .def_readonly("model", &Provenance::model)
      .def_readonly("settings", &Provenance::settings)
      .def_readonly("version", &Provenance::version)
      .def_readonly("checksum", &Provenance::checksum);

  // `shown(f)` makes a property whose value is a view made by f(mesh, owner).
  const auto shown = [](auto make) {
    return
        [make](const py::object& self) -> py::object { return make(self.cast<const TexturedMesh&>(), self); };
  };
  using Mesh = TexturedMesh;
  using Owner = py::object;
  py::class_<DetailLevel, std::shared_ptr<DetailLevel>>(module, "DetailLevel", py::module_local())
      .def_property_readonly("vertices",
                             [](const Owner& self) {
                               return view_rows<float>(self.cast<const DetailLevel&>().surface.vertices, {3},
                                                       self);
                             })
      .def_property_readonly("faces",
                             [](const Owner& self) {
                               return view_rows<int32_t>(self.cast<const DetailLevel&>().surface.faces, {3},
                                                         self);
                             })
      .def_property_readonly("corner_uv", [](const Owner& self) {
        return view_rows<float>(self.cast<const DetailLevel&>().corner_uv, {3, 2}, self);
      });
  py::class_<Mesh, std::shared_ptr<Mesh>>(module, "Mesh", py::module_local())
      .def_property_readonly("vertices", shown([](const Mesh& mesh, const Owner& owner) {
                               return view_rows<float>(mesh.surface.vertices, {3}, owner);
                             }))
      .def_property_readonly("faces", shown([](const Mesh& mesh, const Owner& owner) {
                               return view_rows<int32_t>(mesh.surface.faces, {3}, owner);
                             }))
      .def_property_readonly("corner_uv", shown([](const Mesh& mesh, const Owner& owner) {
                               return view_rows<float>(mesh.corner_uv, {3, 2}, owner);
                             }))
      .def_property_readonly("albedo", shown([](const Mesh& mesh, const Owner& owner) {
                               return view_bytes(mesh.albedo, owner);
                             }))
      .def_property_readonly("normal_map", shown([](const Mesh& mesh, const Owner& owner) -> py::object {
                               if (mesh.normal_map.pixels.empty()) return py::none();
                               return view_bytes(mesh.normal_map, owner);
                             }))
      .def_property_readonly("vertex_colours", shown([](const Mesh& mesh, const Owner& owner) -> py::object {
                               if (mesh.vertex_colours.empty()) return py::none();
                               return view_rows<float>(mesh.vertex_colours, {3}, owner);
                             }))
      .def_property_readonly("occlusion", shown([](const Mesh& mesh, const Owner& owner) -> py::object {
                               if (mesh.occlusion.pixels.empty()) return py::none();
                               return view_bytes(mesh.occlusion, owner);
                             }))
      .def_readonly("roughness", &Mesh::roughness)
      .def_readonly("metallic", &Mesh::metallic)
      .def_property_readonly("levels",
                             [](const std::shared_ptr<Mesh>& mesh) {
                               if (!mesh) throw py::type_error("None is no Mesh.");
                               py::list levels;
                               for (DetailLevel& level : mesh->levels)
                                 levels.append(std::shared_ptr<DetailLevel>(mesh, &level));
                               return levels;
                             })
      .def_readonly("report", &Mesh::report)
      .def_readonly("texture_report", &Mesh::texture_report)
      .def_readonly("provenance", &Mesh::provenance);
}

}  // namespace

py::object python_result(const std::shared_ptr<const GenerateResult>& result) {
  return py::cast(std::const_pointer_cast<GenerateResult>(result));
}

void bind_result(py::module_& module) {
  bind_mesh(module);

  py::class_<StageSeconds>(module, "StageSeconds", py::module_local())
      .def_readonly("device", &StageSeconds::device)
      .def_readonly("computing", &StageSeconds::computing)
      .def_readonly("transfer", &StageSeconds::transfer)
      .def_readonly("waiting", &StageSeconds::waiting);

  py::class_<SpeedUp>(module, "SpeedUp", py::module_local())
      .def_readonly("expected", &SpeedUp::expected)
      .def_readonly("reached", &SpeedUp::reached)
      .def_readonly("limit", &SpeedUp::limit);

  py::class_<StageReport>(module, "StageReport", py::module_local())
      .def_readonly("name", &StageReport::name)
      .def_readonly("seconds", &StageReport::seconds)
      .def_readonly("peak_bytes", &StageReport::peak_bytes)
      .def_readonly("device", &StageReport::device)
      .def_readonly("precision", &StageReport::precision)
      .def_readonly("batch", &StageReport::batch)
      .def_readonly("fragmentation", &StageReport::fragmentation)
      .def_readonly("load_seconds", &StageReport::load_seconds)
      .def_readonly("devices", &StageReport::devices)
      .def_readonly("on_side", &StageReport::on_side);

  using Result = GenerateResult;
  py::class_<Result, std::shared_ptr<Result>>(module, "Result", py::module_local())
      .def_readonly("name", &Result::name)
      .def_readonly("plan", &Result::plan)
      .def_readonly("notes", &Result::notes)
      .def_readonly("lossy", &Result::lossy)
      .def_readonly("stages", &Result::stages)
      .def_readonly("expected_seconds", &Result::expected_seconds)
      .def_readonly("speed_up", &Result::speed_up)
      .def_property_readonly("mesh",
                             [](const std::shared_ptr<Result>& result) {
                               if (!result) throw py::type_error("None is no Result.");
                               return std::shared_ptr<TexturedMesh>(result, &result->mesh);
                             })
      .def_property_readonly(
          "albedo_png",
          [](const py::object& self) { return memory_of(self.cast<const Result&>().albedo_png, self); })
      .def_property_readonly(
          "normal_map_png",
          [](const py::object& self) { return memory_of(self.cast<const Result&>().normal_map_png, self); })
      .def_property_readonly(
          "occlusion_png",
          [](const py::object& self) { return memory_of(self.cast<const Result&>().occlusion_png, self); })
      .def_property_readonly(
          "foreground",
          [](const py::object& self) { return view_bytes(self.cast<const Result&>().foreground, self); })
      .def_property_readonly(
          "crop",
          [](const Result& result) { return py::make_tuple(result.crop.x, result.crop.y, result.crop.side); })
      .def(
          "save_renders",
          [](const Result& result, const fs::path& folder, bool sheet, int turntable, bool exr,
             const std::vector<std::string>& former, bool named) {
            return interruptible([&](const CancelToken& cancel) {
              const Renders renders{.turntable = turntable, .exr = exr, .sheet = sheet};
              return save_renders(result, folder, renders, {.former = former, .is_given = named}, cancel);
            });
          },
          py::arg("folder"), py::kw_only(), py::arg("sheet") = false, py::arg("turntable") = 0,
          py::arg("exr") = false, py::arg("former") = std::vector<std::string>(), py::arg("named") = false)
      .def(
          "save_by_blender",
          [](const Result& result, const fs::path& folder, const std::string& format,
             const std::function<void(const fs::path&)>& write, const std::vector<std::string>& former,
             bool named) {
            return save_by_blender(result, folder, format, write, {.former = former, .is_given = named});
          },
          py::arg("folder"), py::arg("kind"), py::arg("write"), py::kw_only(),
          py::arg("former") = std::vector<std::string>(), py::arg("named") = false)
      .def(
          "notes_on_files",
          [](const Result& result, const std::vector<std::string>& formats) {
            return notes_on_files(result, formats);
          },
          py::arg("formats"))
      .def(
          "save",
          [](const Result& result, const fs::path& where,
             const std::optional<std::vector<std::string>>& formats, const std::vector<std::string>& former,
             bool named) {
            const py::gil_scoped_release unlocked;
            return save_as(result, where, formats.value_or(std::vector<std::string>()),
                           {.former = former, .is_given = named});
          },
          py::arg("where"), py::arg("formats") = py::none(), py::kw_only(),
          py::arg("former") = std::vector<std::string>(), py::arg("named") = false);
}

}  // namespace relievo::bindings

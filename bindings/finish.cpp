// Finishing and baking as work of its own thread, which Python may follow and cancel.
#include "finish/finish.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <functional>
#include <future>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "bindings.h"
#include "files/pictures.h"

namespace py = pybind11;
namespace fs = std::filesystem;

namespace relievo::bindings {
namespace {

/// A picture of a mesh in memory: a file, its bytes, or pixels.
using Picture = std::variant<std::monostate, fs::path, std::string, ByteImage>;

/// A mesh as Python gives it: a file, or arrays whose pictures are decoded on the work's own thread.
struct GivenMesh {
  std::optional<fs::path> path;
  MeshFile mesh;
  struct Look {
    Picture texture, normal_map;
  };
  std::vector<Look> looks;  // one a material
};

template <typename Row, typename Scalar>
std::vector<Row> rows_of(const py::dict& given, const char* name, std::vector<py::ssize_t> shape) {
  if (!given.contains(name) || given[name].is_none()) return {};
  const auto array = py::array_t<Scalar, py::array::c_style | py::array::forcecast>::ensure(given[name]);
  shape.insert(shape.begin(), array ? array.shape(0) : 0);
  if (!array || array.ndim() != static_cast<py::ssize_t>(shape.size()) ||
      !std::equal(shape.begin(), shape.end(), array.shape())) {
    PyErr_Clear();
    throw Error(
        ErrorCode::kInvalidSettings, std::string("The mesh's '") + name + "' have the wrong shape.",
        "Give vertices [V, 3], faces [F, 3], normals [V, 3], corner_uv [F, 3, 2], face_material [F].");
  }
  std::vector<Row> rows(static_cast<size_t>(array.shape(0)));
  std::copy_n(array.data(), array.size(), reinterpret_cast<Scalar*>(rows.data()));
  return rows;
}

Picture picture_of(const py::dict& material, const char* name) {
  if (!material.contains(name) || material[name].is_none()) return std::monostate();
  const py::object value = material[name];
  if (py::isinstance<py::bytes>(value)) return value.cast<std::string>();
  if (!py::isinstance<py::array>(value)) return value.cast<fs::path>();
  const auto array = py::array_t<uint8_t, py::array::c_style>::ensure(value);
  if (!array || array.ndim() != 3 || (array.shape(2) != 3 && array.shape(2) != 4) || array.size() == 0) {
    PyErr_Clear();
    throw Error(ErrorCode::kInvalidSettings, std::string("A material's '") + name + "' has the wrong shape.",
                "Give a path, the bytes of a picture file, or an array [height, width, 3 or 4] of uint8.");
  }
  ByteImage image(static_cast<int>(array.shape(1)), static_cast<int>(array.shape(0)),
                  static_cast<int>(array.shape(2)));
  std::copy_n(array.data(), image.pixels.size(), image.pixels.begin());
  return image;
}

void check_parts(const MeshFile& mesh) {
  const auto vertices = static_cast<int32_t>(mesh.surface.vertices.size());
  const size_t faces = mesh.surface.faces.size();
  bool fits = faces > 0 && (mesh.normals.empty() || mesh.normals.size() == mesh.surface.vertices.size()) &&
              (mesh.corner_uv.empty() || mesh.corner_uv.size() == faces) &&
              mesh.face_material.size() == faces;
  for (const Int3& face : mesh.surface.faces) {
    for (const int32_t vertex : face) fits = fits && vertex >= 0 && vertex < vertices;
  }
  for (const int32_t material : mesh.face_material)
    fits = fits && material >= -1 && material < std::ssize(mesh.materials);
  for (const Float3& place : mesh.surface.vertices) {
    for (const float coordinate : place) fits = fits && std::isfinite(coordinate);
  }
  if (fits) return;
  throw Error(ErrorCode::kInvalidSettings, "The parts of the mesh do not fit together, or it has no faces.",
              "Let faces name vertices and face_material materials that are there.");
}

GivenMesh mesh_of(const py::object& given) {
  GivenMesh mesh;
  if (!py::isinstance<py::dict>(given)) {
    mesh.path = given.cast<fs::path>();
    return mesh;
  }
  const auto parts = given.cast<py::dict>();
  MeshFile& file = mesh.mesh;
  file.surface.vertices = rows_of<Float3, float>(parts, "vertices", {3});
  file.surface.faces = rows_of<Int3, int32_t>(parts, "faces", {3});
  file.normals = rows_of<Float3, float>(parts, "normals", {3});
  file.corner_uv = rows_of<std::array<Float2, 3>, float>(parts, "corner_uv", {3, 2});
  file.face_material = rows_of<int32_t, int32_t>(parts, "face_material", {});
  if (parts.contains("materials")) {
    for (const py::handle& each : parts["materials"]) {
      const auto material = each.cast<py::dict>();
      MeshMaterial& own = file.materials.emplace_back();
      if (material.contains("colour")) own.colour = material["colour"].cast<Float3>();
      if (material.contains("roughness")) own.roughness = material["roughness"].cast<float>();
      if (material.contains("metallic")) own.metallic = material["metallic"].cast<float>();
      mesh.looks.push_back({picture_of(material, "texture"), picture_of(material, "normal_map")});
    }
  }
  if (file.face_material.empty())
    file.face_material.assign(file.surface.faces.size(), file.materials.empty() ? -1 : 0);
  check_parts(file);
  return mesh;
}

/// The place of a picture among the others; -1 where there is none.
int32_t decoded(const Picture& picture, std::vector<ByteImage>& pictures, const CancelToken& cancel) {
  if (std::holds_alternative<std::monostate>(picture)) return -1;
  PictureOptions options;
  options.cancel = cancel;
  if (const auto* path = std::get_if<fs::path>(&picture)) {
    pictures.push_back(to_bytes(read_picture(*path, options)));
  } else if (const auto* bytes = std::get_if<std::string>(&picture)) {
    pictures.push_back(to_bytes(read_picture(std::as_bytes(std::span(*bytes)), "the texture", options)));
  } else {
    pictures.push_back(std::get<ByteImage>(picture));
  }
  return static_cast<int32_t>(pictures.size()) - 1;
}

MeshFile loaded(GivenMesh given, const CancelToken& cancel) {
  if (given.path) return read_to_finish(*given.path, cancel);
  MeshFile mesh = std::move(given.mesh);
  std::vector<int32_t> textures;
  for (size_t i = 0; i < given.looks.size(); ++i) {
    textures.push_back(decoded(given.looks[i].texture, mesh.textures, cancel));
    mesh.materials[i].normal_map = decoded(given.looks[i].normal_map, mesh.normal_maps, cancel);
  }
  for (const int32_t material : mesh.face_material)
    mesh.face_texture.push_back(material < 0 ? -1 : textures[material]);
  return mesh;
}

/// Work on a thread of its own.
class Finishing {
 public:
  explicit Finishing(const std::function<Finished(const Control&)>& work) {
    const Control control{Progress([fraction = fraction_](double done) { *fraction = done; }), cancel_};
    done_ = std::async(std::launch::async, [work, control] { return work(control); }).share();
  }
  Finishing(const Finishing&) = delete;
  Finishing& operator=(const Finishing&) = delete;
  ~Finishing() {
    cancel_.cancel();
    const py::gil_scoped_release unlocked;
    done_.wait();
  }

  double fraction() const { return *fraction_; }
  void cancel() const { cancel_.cancel(); }
  /// Waits without the lock, in short steps between which Ctrl-C is noticed.
  bool wait(double seconds) const {
    if (std::isnan(seconds)) throw py::value_error("Invalid seconds 'nan'. Use a number.");
    using Clock = std::chrono::steady_clock;
    const auto begin = Clock::now();
    while (true) {
      constexpr double kStep = 0.05;
      const double left = seconds - std::chrono::duration<double>(Clock::now() - begin).count();
      bool is_over = false;
      {
        const py::gil_scoped_release unlocked;
        const std::chrono::duration<double> step(std::clamp(left, 0.0, kStep));
        is_over = done_.wait_for(step) == std::future_status::ready;
      }
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      if (is_over || left <= 0) return is_over;
    }
  }

  /// Waits, and returns the result; throws what the work threw.
  py::object result() const {
    return python_result(std::make_shared<const GenerateResult>(finished().result));
  }
  std::optional<PrintReport> print() const { return finished().print; }

 private:
  const Finished& finished() const {
    wait(std::numeric_limits<double>::infinity());
    return done_.get();
  }

  std::shared_ptr<std::atomic<double>> fraction_ = std::make_shared<std::atomic<double>>(0.0);
  CancelToken cancel_;
  std::shared_future<Finished> done_;
};

Provenance provenance_of(const GivenMesh& mesh, const char* what) {
  Provenance provenance;
  if (mesh.path) provenance = made_of(*mesh.path);
  provenance.model = what;
  provenance.version = version();
  return provenance;
}

std::string name_of(const GivenMesh& mesh, const std::string& given) {
  return !given.empty() ? given : mesh.path ? mesh.path->stem().string() : std::string("mesh");
}

std::unique_ptr<Finishing> start_finish(const py::object& given, const std::string& name, int faces,
                                        int levels, const std::string& mirror, float flat_base,
                                        float print_size, bool occlusion, std::optional<float> roughness,
                                        std::optional<float> metallic, const std::string& uv,
                                        int texture_size, float reach, bool normal_map) {
  const FinishSettings settings{
      .faces = faces,
      .levels = levels,
      .mirror = mirror,
      .flat_base = flat_base,
      .print_size = print_size,
      .occlusion = occlusion,
      .roughness = roughness,
      .metallic = metallic,
      .bake = {.uv = uv, .texture_size = texture_size, .reach = reach, .normal_map = normal_map}};
  validate(settings);
  const GivenMesh mesh = mesh_of(given);
  return std::make_unique<Finishing>([mesh, name, settings](const Control& control) {
    return finish_mesh(loaded(mesh, control.cancel), name_of(mesh, name), provenance_of(mesh, "finish"),
                       settings, control);
  });
}

std::unique_ptr<Finishing> start_bake(const py::object& from, const py::object& onto, const std::string& name,
                                      const std::string& uv, int texture_size, float reach, bool normal_map) {
  const BakeSettings settings{
      .uv = uv, .texture_size = texture_size, .reach = reach, .normal_map = normal_map};
  validate(settings);
  const GivenMesh source = mesh_of(from), target = mesh_of(onto);
  return std::make_unique<Finishing>([source, target, name, settings](const Control& control) {
    return Finished{.result =
                        bake_onto(loaded(source, control.cancel), loaded(target, control.cancel),
                                  name_of(target, name), provenance_of(source, "bake"), settings, control)};
  });
}

}  // namespace

void bind_finish(py::module_& module) {
  py::class_<PrintReport>(module, "PrintReport", py::module_local())
      .def_readonly("closed", &PrintReport::closed)
      .def_readonly("pieces", &PrintReport::pieces)
      .def_readonly("least_wall", &PrintReport::least_wall)
      .def_readonly("overhang", &PrintReport::overhang)
      .def_readonly("size", &PrintReport::size)
      .def_property_readonly("printable", [](const PrintReport& report) { return report.is_printable(); });

  py::class_<Finishing>(module, "Finishing", py::module_local())
      .def_property_readonly("fraction", [](const Finishing& work) { return work.fraction(); })
      .def("cancel", [](const Finishing& work) { work.cancel(); })
      .def(
          "wait", [](const Finishing& work, double seconds) { return work.wait(seconds); },
          py::arg("seconds"))
      .def("result", [](const Finishing& work) { return work.result(); })
      .def("print_report", [](const Finishing& work) { return work.print(); });

  module.def("_finish", &start_finish, py::arg("mesh"), py::kw_only(), py::arg("name") = "",
             py::arg("faces") = 0, py::arg("levels") = 1, py::arg("mirror") = "", py::arg("flat_base") = 0.0f,
             py::arg("print_size") = 0.0f, py::arg("occlusion") = false, py::arg("roughness") = py::none(),
             py::arg("metallic") = py::none(), py::arg("uv") = "auto", py::arg("texture_size") = 0,
             py::arg("reach") = 0.02f, py::arg("normal_map") = true);
  module.def("_bake", &start_bake, py::arg("source"), py::arg("target"), py::kw_only(), py::arg("name") = "",
             py::arg("uv") = "auto", py::arg("texture_size") = 0, py::arg("reach") = 0.02f,
             py::arg("normal_map") = true);
  module.def("_save_finished", &save_finished, py::arg("result"), py::arg("where"), py::arg("formats"),
             py::arg("separate"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace relievo::bindings

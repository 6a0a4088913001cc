#include <algorithm>
#include <chrono>
#include <cmath>
#include <variant>

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "bindings.h"

namespace py = pybind11;
namespace fs = std::filesystem;

namespace relievo::bindings {
namespace {

/// An Engine that Python may close early.
class PythonEngine {
 public:
  PythonEngine(fs::path models, int threads)
      : engine_(std::make_shared<Engine>(EngineOptions{std::move(models), threads})) {}
  ~PythonEngine() { close(); }

  Engine& get() const {
    if (!engine_) throw py::value_error("The engine is closed.");
    return *engine_;
  }

  void close() {
    std::shared_ptr<Engine> engine = std::move(engine_);
    const py::gil_scoped_release unlocked;
    engine.reset();
  }

 private:
  std::shared_ptr<Engine> engine_;
};

Image image_from_array(const py::array& array) {
  const auto refuse = [](const char* what) {
    return Error(ErrorCode::kInvalidImage, what,
                 "Give an array [height, width, 3 or 4] of uint8 0..255 or float32 0..1.");
  };
  if (array.ndim() != 3 || (array.shape(2) != 3 && array.shape(2) != 4) || array.size() == 0) {
    throw refuse("The picture's array has the wrong shape.");
  }
  const auto height = static_cast<int>(array.shape(0));
  const auto width = static_cast<int>(array.shape(1));
  const auto channels = static_cast<int>(array.shape(2));
  if (py::isinstance<py::array_t<uint8_t>>(array)) {
    const auto bytes = py::array_t<uint8_t, py::array::c_style>::ensure(array);
    ByteImage image(width, height, channels);
    std::copy_n(bytes.data(), image.pixels.size(), image.pixels.begin());
    return from_bytes(image);
  }
  if (!py::isinstance<py::array_t<float>>(array)) throw refuse("The picture's array has the wrong type.");
  const auto floats = py::array_t<float, py::array::c_style>::ensure(array);
  Image image(width, height, channels);
  std::copy_n(floats.data(), image.pixels.size(), image.pixels.begin());
  if (!std::all_of(image.pixels.begin(), image.pixels.end(), [](float v) { return std::isfinite(v); })) {
    throw refuse("The picture's array holds values that are not finite.");
  }
  return image;
}

/// `auto`, `alpha` or a file, as on the command line.
void set_mask(Settings& settings, const fs::path& mask) {
  if (mask == "auto") return;
  if (mask == "alpha") {
    settings.mask = MaskKind::kAlpha;
    return;
  }
  settings.mask = MaskKind::kFile;
  settings.mask_file = mask.string();
}

/// Waits without the lock, in short steps between which Ctrl-C is heard.
bool wait(const Job& job, std::optional<double> seconds) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  constexpr double kStep = 0.05;
  while (true) {
    const std::chrono::duration<double> waited = Clock::now() - begin;
    const double left = seconds ? *seconds - waited.count() : kStep;
    bool is_over = false;
    {
      const py::gil_scoped_release unlocked;
      is_over = job.wait(std::clamp(left, 0.0, kStep));
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (is_over || left <= 0) return is_over;
  }
}

/// Defaults and ranges of the settings, by name.
py::dict describe_settings() {
  using namespace py::literals;  // NOLINT(google-build-using-namespace)
  const Settings settings;
  const auto number = [](auto value, auto range) {
    return py::dict("default"_a = value, "min"_a = range.low, "max"_a = range.high);
  };
  return py::dict(
      "model"_a = py::dict("default"_a = settings.model), "mask"_a = py::dict("default"_a = "auto"),
      "mask_threshold"_a = number(settings.mask_threshold, kMaskThresholdRange),
      "mask_invert"_a = py::dict("default"_a = settings.mask_invert),
      "grid"_a = number(settings.grid, kGridRange), "depth"_a = number(settings.depth, kDepthRange),
      "faces"_a = number(settings.faces, kFacesRange),
      "keep_debris"_a = py::dict("default"_a = settings.keep_debris),
      "texture_size"_a = number(settings.texture_size, kTextureSizeRange));
}

void bind_job(py::module_& module) {
  py::class_<JobStatus>(module, "JobStatus", py::module_local())
      .def_property_readonly("state", [](const JobStatus& status) { return state_name(status.state); })
      .def_readonly("stage", &JobStatus::stage)
      .def_readonly("fraction", &JobStatus::fraction)
      .def_readonly("seconds", &JobStatus::seconds)
      .def_property_readonly("seconds_left", [](const JobStatus& status) {
        return status.seconds_left < 0 ? std::nullopt : std::optional(status.seconds_left);
      });

  py::class_<Job>(module, "Job", py::module_local())
      .def_property_readonly("status", &Job::status)
      .def_property_readonly("error",
                             [](const Job& job) -> py::object {
                               const std::optional<Error> error = job.error();
                               return error ? python_error(*error) : py::none();
                             })
      .def_property_readonly("result",
                             [](const Job& job) -> py::object {
                               const auto result = job.result();
                               return result ? python_result(result) : py::none();
                             })
      .def("cancel", &Job::cancel)
      .def("wait", &wait, py::arg("seconds") = py::none());
}

}  // namespace

void bind_engine(py::module_& module) {
  bind_job(module);
  module.def("describe_settings", &describe_settings);

  const Settings defaults;
  py::class_<PythonEngine>(module, "Engine", py::module_local())
      .def(py::init<fs::path, int>(), py::arg("models"), py::arg("threads") = 0)
      .def(
          "submit",
          [](const PythonEngine& engine, const std::variant<py::array, fs::path>& picture,
             const std::string& name, const std::string& model, const fs::path& mask, float mask_threshold,
             bool mask_invert, int grid, float depth, int faces, bool keep_debris, int texture_size) {
            GenerateRequest request;
            if (const auto* array = std::get_if<py::array>(&picture)) {
              request.image = image_from_array(*array);
            } else {
              request.picture = std::get<fs::path>(picture);
            }
            request.name = name;
            Settings& settings = request.settings;
            settings.model = model;
            settings.mask_threshold = mask_threshold;
            settings.mask_invert = mask_invert;
            settings.grid = grid;
            settings.depth = depth;
            settings.faces = faces;
            settings.keep_debris = keep_debris;
            settings.texture_size = texture_size;
            set_mask(settings, mask);
            return engine.get().submit(std::move(request));
          },
          py::arg("picture"), py::kw_only(), py::arg("name") = "", py::arg("model") = defaults.model,
          py::arg("mask") = "auto", py::arg("mask_threshold") = defaults.mask_threshold,
          py::arg("mask_invert") = defaults.mask_invert, py::arg("grid") = defaults.grid,
          py::arg("depth") = defaults.depth, py::arg("faces") = defaults.faces,
          py::arg("keep_debris") = defaults.keep_debris, py::arg("texture_size") = defaults.texture_size)
      .def("unload", [](const PythonEngine& engine) { engine.get().unload(); })
      .def("close", &PythonEngine::close)
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](PythonEngine& engine, const py::args&) { engine.close(); });
}

}  // namespace relievo::bindings

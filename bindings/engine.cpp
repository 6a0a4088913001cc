#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <variant>

#include <fmt/format.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "base/refusals.h"
#include "bindings.h"
#include "views.h"

namespace py = pybind11;
using namespace py::literals;
namespace fs = std::filesystem;

namespace relievo::bindings {
namespace {

/// An Engine that Python may close early, even while other threads use it.
class PythonEngine : public MadeByInit {
 public:
  explicit PythonEngine(const EngineOptions& options) : engine_(std::make_shared<Engine>(options)) {}
  PythonEngine(const PythonEngine&) = delete;
  PythonEngine& operator=(const PythonEngine&) = delete;
  ~PythonEngine() { close(); }

  /// Returns the engine, which stays alive while it is used. Must be called under the interpreter lock, as
  /// close() must.
  std::shared_ptr<Engine> get() const {
    if (!engine_) throw py::value_error("The engine is closed.");
    return engine_;
  }

  void close() {
    const std::shared_ptr<Engine> engine = std::move(engine_);
    if (!engine) return;
    const py::gil_scoped_release unlocked;
    engine->close();
  }

 private:
  std::shared_ptr<Engine> engine_;
};

/// Throws unless floats are from 0 to 1: values of 0 to 255 would be white nearly everywhere, and negative
/// ones are no colours.
void check_range(const std::vector<float>& values) {
  // Rounding may put values of resampled or converted pictures this far outside the range.
  constexpr float kRounding = 0.01f;
  float least = 0, most = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) {
      throw Error(ErrorCode::kInvalidImage,
                  "The picture's array holds values that are not finite numbers (NaN or infinity).",
                  "Replace them; floats are from 0 to 1.");
    }
    least = std::min(least, value);
    most = std::max(most, value);
  }
  if (least >= -kRounding && most <= 1 + kRounding) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  throw Error(
      ErrorCode::kInvalidImage,
      fmt::format("The picture's array holds floats from {:g} to {:g} instead of 0 to 1.", *low, *high),
      most > 1.5f && least >= 0 && most <= 255
          ? "Divide the array by 255, or give it as uint8."
          : "Scale the values to 0..1, or clip them with numpy.clip(picture, 0, 1).");
}

void set_array(GenerateRequest& request, const py::array& array) {
  const auto refuse = [](const std::string& what) {
    return Error(ErrorCode::kInvalidImage, what,
                 "Give an array [height, width, 3 or 4] of uint8 0..255 or float32 0..1.");
  };
  if (array.ndim() != 3 || (array.shape(2) != 3 && array.shape(2) != 4) || array.size() == 0) {
    throw refuse("The picture's array has the wrong shape.");
  }
  check_picture_size(array.shape(1), array.shape(0));
  const auto height = static_cast<int>(array.shape(0));
  const auto width = static_cast<int>(array.shape(1));
  const auto channels = static_cast<int>(array.shape(2));
  if (py::isinstance<py::array_t<uint8_t>>(array)) {
    const auto bytes = py::array_t<uint8_t, py::array::c_style>::ensure(array);
    request.bytes = ByteImage(width, height, channels);
    std::copy_n(bytes.data(), request.bytes.pixels.size(), request.bytes.pixels.begin());
    return;
  }
  if (!py::isinstance<py::array_t<float>>(array)) {
    throw refuse("The picture's array is of type " + py::str(array.dtype()).cast<std::string>() + ".");
  }
  const auto floats = py::array_t<float, py::array::c_style>::ensure(array);
  request.image = Image(width, height, channels);
  std::copy_n(floats.data(), request.image.pixels.size(), request.image.pixels.begin());
  check_range(request.image.pixels);
}

using Picture = std::variant<py::array, py::bytes, fs::path>;

void set_picture(GenerateRequest& request, const Picture& picture, const fs::path& source) {
  request.picture = source;
  if (const auto* array = std::get_if<py::array>(&picture)) {
    set_array(request, *array);
  } else if (const auto* bytes = std::get_if<py::bytes>(&picture)) {
    const std::string_view content = *bytes;
    const auto* begin = reinterpret_cast<const std::byte*>(content.data());
    request.encoded.assign(begin, begin + content.size());
    if (content.empty()) {
      throw Error(ErrorCode::kInvalidImage, "The picture's bytes are empty.",
                  "Give the bytes of a picture file.");
    }
  } else {
    request.picture = std::get<fs::path>(picture);
  }
}

}  // namespace

namespace {

/// Reads a path as the system has it, which need not be valid UTF-8. `name` is the setting's.
std::string path_of(const std::string& name, const py::handle& value) {
  try {
    return value.cast<fs::path>().string();
  } catch (const py::cast_error&) {
    throw invalid_value(name, py::repr(value).cast<std::string>(),
                        "Use a path: text, bytes or a path object.");
  }
}

/// Reads a view: a path, or a dict like an entry of a list of views (engine/own_views.h).
OwnView view_of(const py::handle& value);

void check_number(const std::string& name, const py::handle& value) {
  // JSON cannot express such a value.
  if (py::isinstance<py::float_>(value) && !std::isfinite(value.cast<double>())) {
    throw invalid_value(name, py::str(value).cast<std::string>(), "Use a finite number.");
  }
  if (py::isinstance<py::int_>(value)) {
    int is_too_large = 0;
    PyLong_AsLongLongAndOverflow(value.ptr(), &is_too_large);
    if (is_too_large != 0) {
      throw invalid_value(name, py::str(value).cast<std::string>(), "Use a number of at most 64 bits.");
    }
  }
}

OwnView view_of(const py::handle& value) {
  if (!py::isinstance<py::dict>(value)) return {.picture = path_of("views", value)};
  py::dict plain;
  OwnView paths;
  for (const auto& [key, word] : py::reinterpret_borrow<py::dict>(value)) {
    const auto name = py::str(key).cast<std::string>();
    if (name == "picture" || name == "mask") {
      (name == "mask" ? paths.mask : paths.picture) = path_of(name, word);
      plain[key] = "?";  // a path may not be valid UTF-8
    } else {
      check_number(name, word);
      plain[key] = word;
    }
  }
  const py::dict settings("views"_a = py::make_tuple(plain));
  OwnView view = settings_from_json(py::module_::import("json").attr("dumps")(settings).cast<std::string>())
                     .views.front();
  view.picture = paths.picture;
  view.mask = paths.mask;
  return view;
}

}  // namespace

Settings settings_of(const py::dict& given) {
  py::dict plain;
  std::optional<std::string> mask;
  std::vector<OwnView> views;
  for (const auto& [key, value] : given) {
    const auto name = py::str(key).cast<std::string>();
    if (name == "mask") {
      mask = path_of(name, value);
    } else if (name == "views" && (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value))) {
      for (const py::handle& view : value) views.push_back(view_of(view));
    } else if (name == "views") {
      views.push_back(view_of(value));
    } else {
      check_number(name, value);
      plain[key] = value;
    }
  }
  Settings settings =
      settings_from_json(py::module_::import("json").attr("dumps")(plain).cast<std::string>());
  settings.views = std::move(views);
  if (mask == "alpha") {
    settings.mask = MaskKind::kAlpha;
  } else if (mask && mask != "auto") {
    settings.mask = MaskKind::kFile;
    settings.mask_file = *mask;
  }
  return settings;
}

namespace {

/// Waits without the lock, in short steps between which Ctrl-C is noticed.
bool wait(const Job& job, std::optional<double> seconds) {
  if (seconds && std::isnan(*seconds)) throw py::value_error("Invalid seconds 'nan'. Use a number, or None.");
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

void bind_job(py::module_& module) {
  py::class_<JobStatus>(module, "JobStatus", py::module_local())
      .def_property_readonly("state", [](const JobStatus& status) { return state_name(status.state); })
      .def_readonly("stage", &JobStatus::stage)
      .def_readonly("fraction", &JobStatus::fraction)
      .def_readonly("seconds", &JobStatus::seconds)
      .def_property_readonly("seconds_left", [](const JobStatus& status) {
        return status.seconds_left < 0 ? std::nullopt : std::optional(status.seconds_left);
      });

  py::class_<LogLine>(module, "LogLine", py::module_local())
      .def_readonly("seconds", &LogLine::seconds)
      .def_readonly("text", &LogLine::text);

  py::class_<Preview, std::shared_ptr<Preview>>(module, "Preview", py::module_local())
      .def_readonly("name", &Preview::name)
      .def_property_readonly("pixels", [](const py::object& self) {
        return view_bytes(self.cast<const Preview&>().picture, self);
      });

  py::class_<Job>(module, "Job", py::module_local())
      // Lambdas take the job by reference: a pointer to a member would take None as a null object.
      .def_property_readonly("number", [](const Job& job) { return job.number(); })
      .def_property_readonly("name", [](const Job& job) { return job.name(); })
      .def_property_readonly("log", [](const Job& job) { return job.log(); })
      .def_property_readonly("notes", [](const Job& job) { return job.notes(); })
      .def_property_readonly("previews",
                             [](const Job& job) {
                               py::list previews;
                               for (const auto& preview : job.previews()) {
                                 previews.append(std::const_pointer_cast<Preview>(preview));
                               }
                               return previews;
                             })
      .def("take",
           [](const Job& job) -> py::object {
             const auto result = job.take();
             return result ? python_result(result) : py::none();
           })
      .def_property_readonly("status", [](const Job& job) { return job.status(); })
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
      .def(
          "__eq__", [](const Job& job, const Job& other) { return job == other; }, py::is_operator())
      .def("__hash__", [](const Job& job) { return std::hash<uint64_t>()(job.number()); })
      .def("cancel", [](const Job& job) { job.cancel(); })
      .def("wait", &wait, py::arg("seconds") = py::none());
}

void bind_machine(py::module_& module) {
  py::class_<DeviceInfo>(module, "DeviceInfo", py::module_local())
      .def_readonly("device", &DeviceInfo::device)
      .def_readonly("name", &DeviceInfo::name)
      .def_readonly("total_bytes", &DeviceInfo::total_bytes)
      .def_readonly("free_bytes", &DeviceInfo::free_bytes)
      .def_readonly("busy_percent", &DeviceInfo::busy_percent)
      .def_readonly("celsius", &DeviceInfo::celsius)
      .def_readonly("other_processes", &DeviceInfo::other_processes)
      .def_readonly("others_bytes", &DeviceInfo::others_bytes)
      .def_readonly("note", &DeviceInfo::note);
  py::class_<IdleDevice>(module, "IdleDevice", py::module_local())
      .def_readonly("device", &IdleDevice::device)
      .def_readonly("reason", &IdleDevice::reason)
      .def_readonly("why", &IdleDevice::why);
  py::class_<PlanReport>(module, "PlanReport", py::module_local())
      .def_readonly("sentences", &PlanReport::sentences)
      .def_readonly("idle", &PlanReport::idle)
      .def_readonly("seconds", &PlanReport::seconds)
      .def_readonly("expected_speed_up", &PlanReport::expected_speed_up)
      .def_readonly("limit", &PlanReport::limit);
  module.def("devices", &find_devices, py::call_guard<py::gil_scoped_release>());
}

}  // namespace

void bind_engine(py::module_& module) {
  bind_job(module);
  bind_machine(module);
  module.def("picture_endings",
             [] { return std::vector<std::string>(picture_endings().begin(), picture_endings().end()); });
  module.def("describe_settings",
             [] { return py::module_::import("json").attr("loads")(describe_settings()); });

  py::class_<PythonEngine>(module, "Engine", py::module_local())
      .def(py::init([](fs::path models, int threads, double idle_seconds, std::string devices,
                       std::string strategy, std::string policy, bool lossy, std::string allocator,
                       bool cuda_graphs) {
             return std::unique_ptr<PythonEngine>(::new PythonEngine(
                 {std::move(models), threads, idle_seconds, std::move(devices), std::move(strategy),
                  std::move(policy), lossy, std::move(allocator), cuda_graphs}));
           }),
           py::arg("models"), py::arg("threads") = 0, py::arg("idle_seconds") = 0, py::arg("devices") = "",
           py::arg("strategy") = "auto", py::arg("policy") = "fastest", py::arg("lossy") = true,
           py::arg("allocator") = "auto", py::arg("cuda_graphs") = false)
      .def_property_readonly("workers",
                             [](const PythonEngine& engine) {
                               const auto used = engine.get();
                               const py::gil_scoped_release unlocked;
                               return used->workers();
                             })
      .def(
          "plan",
          [](const PythonEngine& engine, int pictures, const py::kwargs& given) {
            const Settings settings = settings_of(given);
            const auto used = engine.get();
            const py::gil_scoped_release unlocked;
            return used->plan(settings, pictures);
          },
          py::arg("pictures") = 1)
      .def(
          "explain_plan",
          [](const PythonEngine& engine, int pictures, const py::kwargs& given) {
            const Settings settings = settings_of(given);
            const auto used = engine.get();
            const py::gil_scoped_release unlocked;
            return used->explain_plan(settings, pictures);
          },
          py::arg("pictures") = 1)
      .def(
          "submit",
          [](const PythonEngine& engine, const std::optional<Picture>& picture, const std::string& name,
             const fs::path& source, bool only_foreground, bool shows_mask, const py::kwargs& settings) {
            GenerateRequest request;
            if (picture) set_picture(request, *picture, source);
            request.only_foreground = only_foreground;
            request.shows_mask = shows_mask;
            request.name = name;
            request.settings = settings_of(settings);
            return engine.get()->submit(std::move(request));
          },
          py::arg("picture") = py::none(), py::kw_only(), py::arg("name") = "", py::arg("source") = "",
          py::arg("only_foreground") = false, py::arg("shows_mask") = false)
      .def("queue", [](const PythonEngine& engine) { return engine.get()->queue(); })
      .def(
          "move",
          [](const PythonEngine& engine, const Job& job, size_t place) {
            return engine.get()->move(job, place);
          },
          py::arg("job"), py::arg("place"))
      .def("pause", [](const PythonEngine& engine) { engine.get()->pause(); })
      .def("resume", [](const PythonEngine& engine) { engine.get()->resume(); })
      .def_property_readonly("paused", [](const PythonEngine& engine) { return engine.get()->paused(); })
      .def("unload", [](const PythonEngine& engine) { engine.get()->unload(); })
      .def_property_readonly("loaded", [](const PythonEngine& engine) { return engine.get()->loaded(); })
      .def(
          "set_idle_seconds",
          [](const PythonEngine& engine, double seconds) { engine.get()->set_idle_seconds(seconds); },
          py::arg("seconds"))
      .def("close", [](PythonEngine& engine) { engine.close(); })
      .def("__enter__", [](const py::object& self) { return self; })
      .def("__exit__", [](PythonEngine& engine, const py::args&) { engine.close(); });
}

}  // namespace relievo::bindings

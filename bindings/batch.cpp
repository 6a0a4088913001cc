#include "batch/batch.h"

#include <chrono>
#include <future>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "batch/report.h"
#include "batch/thumbnail.h"
#include "batch/until.h"
#include "bindings.h"
#include "check/check.h"
#include "engine/estimate.h"
#include "engine/own_views.h"

namespace py = pybind11;
namespace fs = std::filesystem;

namespace relievo::bindings {
namespace {

/// A Batch that Python may close early, so that its folder is free for another. Must be used under the
/// interpreter lock.
class PythonBatch {
 public:
  explicit PythonBatch(std::shared_ptr<Batch> batch) : batch_(std::move(batch)) {}

  std::shared_ptr<Batch> get() const {
    if (!batch_) throw py::value_error("The batch is closed.");
    return batch_;
  }
  void close() { batch_.reset(); }

 private:
  std::shared_ptr<Batch> batch_;
};

/// Opens a batch and reads all pictures without the interpreter lock; Ctrl-C is noticed meanwhile.
std::unique_ptr<PythonBatch> open(BatchRequest request) {
  const CancelToken cancel;
  auto opened = std::async(std::launch::async, [request = std::move(request), cancel] {
    return std::make_shared<Batch>(request, cancel);
  });
  while (true) {
    bool is_ready = false;
    {
      const py::gil_scoped_release unlocked;
      is_ready = opened.wait_for(std::chrono::milliseconds(50)) == std::future_status::ready;
    }
    if (is_ready) return std::make_unique<PythonBatch>(opened.get());
    if (PyErr_CheckSignals() == 0) continue;
    cancel.cancel();
    const py::error_already_set interrupted;
    const py::gil_scoped_release unlocked;
    opened.wait();
    throw interrupted;
  }
}

/// Converts a path, which may not be valid UTF-8.
py::str path_text(const std::string& path) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<py::ssize_t>(path.size())));
}

/// Converts text that may contain such a path.
py::str shown(const std::string& text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "replace"));
}

py::list shown(const std::vector<std::string>& texts) {
  py::list list;
  for (const std::string& text : texts) list.append(shown(text));
  return list;
}

Error error_of(const std::string& code, const std::string& message, const std::string& hint) {
  for (int i = 0; i < static_cast<int>(ErrorCode::kInternal); ++i) {
    if (code_name(static_cast<ErrorCode>(i)) == code) return {static_cast<ErrorCode>(i), message, hint};
  }
  return {ErrorCode::kInternal, message, hint};
}

std::vector<std::byte> content_of(const py::bytes& bytes) {
  const std::string_view content = bytes;
  const auto* first = reinterpret_cast<const std::byte*>(content.data());
  return {first, first + content.size()};
}

/// Converts a view into a path alone, or a dict.
py::object view_for_python(const OwnView& view) {
  if (view.mask.empty() && !view.has_camera()) return path_text(view.picture);
  py::dict given;
  given["picture"] = path_text(view.picture);
  if (!view.mask.empty()) given["mask"] = path_text(view.mask);
  if (!view.has_camera()) return given;
  given["azimuth"] = *view.azimuth;
  given["elevation"] = view.elevation;
  if (view.orthographic) {
    given["orthographic"] = true;
  } else {
    given["fov"] = view.fov;
  }
  return given;
}

}  // namespace

py::dict settings_for_python(const Settings& settings) {
  Settings plain = settings;
  plain.mask_file.clear();
  plain.views.clear();
  const py::dict given = py::module_::import("json").attr("loads")(to_json(plain));
  if (settings.mask == MaskKind::kFile) given["mask"] = path_text(settings.mask_file);
  given.attr("pop")("mask_file");
  py::list views;
  for (const OwnView& view : settings.views) views.append(view_for_python(view));
  given["views"] = views;
  return given;
}

void bind_batch(py::module_& module) {
  py::class_<BatchTask>(module, "BatchTask", py::module_local())
      .def_property_readonly("picture", [](const BatchTask& task) { return path_text(task.picture); })
      .def_readonly("folder", &BatchTask::folder)
      .def_readonly("name", &BatchTask::name)
      .def_readonly("former", &BatchTask::former)
      .def_property_readonly("error",
                             [](const BatchTask& task) -> py::object {
                               return task.error ? python_error(*task.error) : py::none();
                             })
      .def_property_readonly("settings",
                             [](const BatchTask& task) { return settings_for_python(task.settings); });

  py::class_<PythonBatch>(module, "BatchJournal", py::module_local())
      .def_property_readonly("pictures", [](const PythonBatch& batch) { return batch.get()->pictures(); })
      .def_property_readonly("notes", [](const PythonBatch& batch) { return shown(batch.get()->notes()); })
      .def_property_readonly("made_before",
                             [](const PythonBatch& batch) { return shown(batch.get()->made_before()); })
      .def_property_readonly("left", [](const PythonBatch& batch) { return batch.get()->left(); })
      .def(
          "begin",
          [](const PythonBatch& batch, size_t place) {
            const auto used = batch.get();
            const py::gil_scoped_release unlocked;
            used->begin(place);
          },
          py::arg("place"))
      .def(
          "finish",
          [](const PythonBatch& batch, size_t place, const std::string& report,
             const std::vector<fs::path>& files, const py::bytes& thumbnail) {
            const auto used = batch.get();
            const std::vector<std::byte> picture = content_of(thumbnail);
            const py::gil_scoped_release unlocked;
            used->finish(place, report, files, picture);
          },
          py::arg("place"), py::arg("report"), py::arg("files"), py::arg("thumbnail") = py::bytes())
      .def(
          "fail",
          [](const PythonBatch& batch, size_t place, const std::string& code, const std::string& message,
             const std::string& hint, const std::vector<fs::path>& files, const py::bytes& thumbnail) {
            const auto used = batch.get();
            const Error error = error_of(code, message, hint);
            const std::vector<std::byte> picture = content_of(thumbnail);
            const py::gil_scoped_release unlocked;
            used->fail(place, error, files, picture);
          },
          py::arg("place"), py::arg("code"), py::arg("message"), py::arg("hint") = "",
          py::arg("files") = std::vector<fs::path>(), py::arg("thumbnail") = py::bytes())
      .def("write_report",
           [](const PythonBatch& batch) {
             const auto used = batch.get();
             const py::gil_scoped_release unlocked;
             return used->write_report();
           })
      .def_property_readonly("is_recorded",
                             [](const PythonBatch& batch) { return batch.get()->is_recorded(); })
      .def_property_readonly("summary",
                             [](const PythonBatch& batch) { return shown(batch.get()->summary()); })
      .def("close", [](PythonBatch& batch) { batch.close(); });

  module.def(
      "open_batch",
      [](fs::path source, fs::path folder, std::vector<std::string> formats, bool contact_sheet,
         int turntable, bool exr, bool recursive, bool sides, bool again, bool only_failed, bool lock,
         bool dry_run, std::vector<std::string> required, bool report, const py::kwargs& settings) {
        return open({.source = std::move(source),
                     .folder = std::move(folder),
                     .formats = std::move(formats),
                     .renders = {.turntable = turntable, .exr = exr, .sheet = contact_sheet},
                     .settings = settings_of(settings),
                     .recursive = recursive,
                     .sides = sides,
                     .again = again,
                     .only_failed = only_failed,
                     .lock = lock,
                     .dry_run = dry_run,
                     .report = report,
                     .required = std::move(required)});
      },
      py::arg("source"), py::arg("folder"), py::kw_only(), py::arg("formats"),
      py::arg("contact_sheet") = false, py::arg("turntable") = 0, py::arg("exr") = false,
      py::arg("recursive") = false, py::arg("sides") = true, py::arg("again") = false,
      py::arg("only_failed") = false, py::arg("lock") = true, py::arg("dry_run") = false,
      py::arg("required") = std::vector<std::string>(), py::arg("report") = false);

  module.def(
      "report_of",
      [](const fs::path& picture, const GenerateResult& result, const std::vector<fs::path>& files,
         const std::optional<std::vector<std::string>>& met) {
        return report_of(picture.string(), result, files, met);
      },
      py::arg("picture"), py::arg("result"), py::arg("files"), py::arg("met") = py::none());
  module.def("require", &require, py::arg("result"), py::arg("required"),
             py::call_guard<py::gil_scoped_release>());
  module.def(
      "thumbnail_of",
      [](const Job& job) {
        std::vector<std::byte> file;
        {
          const py::gil_scoped_release unlocked;
          file = thumbnail_of(job.previews());
        }
        return py::bytes(reinterpret_cast<const char*>(file.data()), file.size());
      },
      py::arg("job"));
  module.def(
      "_until",
      [](const std::string& time) {
        return std::chrono::duration<double>(next_time_of_day(time).time_since_epoch()).count();
      },
      py::arg("time"));
  module.def(
      "_estimate",
      [](const std::vector<BatchTask>& tasks, const std::string& devices, const std::string& strategy,
         const std::string& policy, bool lossy) {
        const py::gil_scoped_release unlocked;
        std::vector<Settings> pictures;
        for (const BatchTask& task : tasks) {
          if (!task.error) pictures.push_back(task.settings);
        }
        EngineOptions machine;
        machine.devices = devices;
        machine.strategy = strategy;
        machine.policy = policy;
        machine.allow_lossy = lossy;
        const Estimate taken = estimate(pictures, machine);
        return std::pair(report_of_plan(taken), taken.pictures > 0 ? taken.sentence() : std::string());
      },
      py::arg("tasks"), py::arg("devices") = "", py::arg("strategy") = "auto", py::arg("policy") = "fastest",
      py::arg("lossy") = true);
  module.def(
      "_expanded",
      [](const BatchTask& task) {
        Settings settings = task.settings;
        settings.views = expand_views(settings.views);
        return settings_for_python(settings);
      },
      py::arg("task"));
  module.def("_requirements", [] {
    std::vector<std::pair<std::string, std::string>> words;
    for (const Requirement& each : requirements()) words.emplace_back(each.word, each.meaning);
    return words;
  });
  module.def(
      "check",
      [](const fs::path& file, const std::vector<std::string>& required) {
        const py::gil_scoped_release unlocked;
        check_requirements(required);
        return report_of(file, check_mesh(read_mesh(file)), required);
      },
      py::arg("file"), py::arg("required") = std::vector<std::string>());
  module.def(
      "report_of_failure",
      [](const fs::path& picture, const std::string& code, const std::string& message,
         const std::string& hint, const std::vector<fs::path>& files) {
        return report_of(picture.string(), error_of(code, message, hint), files);
      },
      py::arg("picture"), py::arg("code"), py::arg("message"), py::arg("hint"), py::arg("files"));
  module.def("prepare_folder", &prepare_folder, py::arg("folder"), py::call_guard<py::gil_scoped_release>());
}

}  // namespace relievo::bindings

// The command line (app/program.h) for the command that the wheel installs, and its check of devices for the
// extension.
#include <memory>
#include <string>
#include <vector>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "app/batch_words.h"
#include "app/gpu_check_report.h"
#include "app/profile_report.h"
#include "app/program.h"
#include "bindings.h"
#include "python_transport.h"

namespace py = pybind11;

namespace relievo::bindings {
namespace {

/// A transport with a function of its own, which may be made and destroyed on any thread.
class OwnTransport final : public Transport {
 public:
  explicit OwnTransport(py::function function) : function_(std::move(function)), transport_(function_) {}
  ~OwnTransport() override {
    const py::gil_scoped_acquire acquire;
    function_ = {};
  }
  Transfer run(const HttpRequest& request, HttpReceiver& receiver) override {
    return transport_.run(request, receiver);
  }

 private:
  py::function function_;
  PythonTransport transport_;
};

int run_command(const std::vector<std::string>& words, const py::function& make_transport) {
  std::vector<const char*> argv{"relievo"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  const Web web = [&](const std::filesystem::path& certificates) -> std::unique_ptr<Transport> {
    const py::gil_scoped_acquire acquire;
    try {
      // An empty path would become Path('.').
      const py::object given = certificates.empty() ? py::str("") : py::cast(certificates);
      return std::make_unique<OwnTransport>(make_transport(given).cast<py::function>());
    } catch (const py::error_already_set& error) {
      const py::object& raised = error.value();
      if (!py::hasattr(raised, "hint")) throw;
      throw Error(ErrorCode::kIo, raised.attr("message").cast<std::string>(),
                  raised.attr("hint").cast<std::string>());
    }
  };
  const py::gil_scoped_release release;
  return run_program(static_cast<int>(argv.size()), argv.data(), web);
}

/// The words of `relievo batch` as relievo.Batch and relievo.Engine take them.
py::dict batch_words(const std::vector<std::string>& words) {
  const BatchWords given = read_batch_words(words);
  py::dict batch, machine, run;
  batch["source"] = given.request.source;
  batch["folder"] = given.request.folder;
  batch["formats"] = given.request.formats;
  batch["contact_sheet"] = given.request.renders.sheet;
  batch["turntable"] = given.request.renders.turntable;
  batch["exr"] = given.request.renders.exr;
  batch["recursive"] = given.request.recursive;
  batch["sides"] = given.request.sides;
  batch["again"] = given.request.again;
  batch["only_failed"] = given.request.only_failed;
  batch["lock"] = given.request.lock;
  batch["dry_run"] = given.request.dry_run;
  batch["required"] = given.request.required;
  batch["report"] = given.request.report;
  for (const auto& [name, value] : settings_for_python(given.request.settings)) batch[name] = value;
  const EngineOptions& options = given.generate.machine;
  machine["devices"] = options.devices;
  machine["strategy"] = options.strategy;
  machine["policy"] = options.policy;
  machine["lossy"] = options.allow_lossy;
  machine["allocator"] = options.allocator;
  machine["cuda_graphs"] = options.cuda_graphs;
  run["batch"] = batch;
  run["machine"] = machine;
  run["until"] = given.until;
  run["json"] = given.generate.json;
  run["ray"] = given.ray;
  return run;
}

/// Returns text, JSON, and the number of checks that failed. An exception of `tell` ends the check.
py::tuple check_devices(const std::string& devices, const py::function& tell) {
  GpuCheckReport report;
  {
    const py::gil_scoped_release release;
    // Jobs of the extension may run beside it.
    const GpuCheckOptions options{.devices = devices, .parts = {"kernels", "golden"}};
    report = check_gpus(options, CancelToken(), [&](const std::string& line) {
      const py::gil_scoped_acquire acquire;
      tell(line);
    });
  }
  return py::make_tuple(report.text, report.json, report.failed);
}

/// Measures the devices and returns a JSON object for each kind. `tell` is given a device, what is measured,
/// and the share that is done; its exception ends the work.
std::vector<std::string> profile(const std::string& devices, const std::string& model, bool quick,
                                 const py::function& tell) {
  std::vector<std::string> kinds;
  const py::gil_scoped_release release;
  const CancelToken cancel;
  std::exception_ptr broken_off;
  ProfileListener listener;
  // An exception must not pass through the stages, which would take it for one of their own.
  listener.on_step = [&](const std::string& device, const std::string& what, double fraction) {
    if (broken_off) return;
    const py::gil_scoped_acquire acquire;
    try {
      tell(device, what, fraction);
    } catch (const py::error_already_set&) {
      broken_off = std::current_exception();
      cancel.cancel();
    }
  };
  listener.on_kind = [&](const std::string&, const std::string& json) { kinds.push_back(json); };
  try {
    profile_devices({devices, model, quick, cancel}, listener);
  } catch (const Error&) {
    if (broken_off) std::rethrow_exception(broken_off);
    throw;
  }
  return kinds;
}

}  // namespace

void bind_command(py::module_& module) {
  bind_receiver(module);
  module.def("_run_command", &run_command, py::arg("words"), py::arg("make_transport"));
  module.def("_batch_words", &batch_words, py::arg("words"));
  module.def("_profile", &profile, py::arg("devices"), py::arg("model"), py::arg("quick"), py::arg("tell"));
  module.def("_gpu_check", &check_devices, py::arg("devices"), py::arg("tell"));
}

}  // namespace relievo::bindings

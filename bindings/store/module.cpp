// relievo._store: the models of this machine, without torch and without libcurl. Blender imports it before
// LibTorch is there, which it fetches.
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "../errors.h"
#include "../python_transport.h"
#include "base/file_lock.h"
#include "downloads/store.h"
#include "json_reader.h"
#include "weights/tensor_file.h"

namespace py = pybind11;

namespace relievo::bindings {
namespace {

using Path = std::filesystem::path;
using Names = std::vector<std::string>;

/// None, or a function that is told the path in the model's folder, `fetching` or `checking`, and bytes.
using Listener = std::optional<py::function>;

ModelListener model_listener(const Listener& listener) {
  if (!listener) return {};
  return [&listener](const std::string& path, FetchPhase phase, uint64_t done, uint64_t total) {
    const py::gil_scoped_acquire acquire;
    (*listener)(path, phase == FetchPhase::kChecking ? "checking" : "fetching", done, total);
  };
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds));
}

std::pair<uint64_t, std::string> fetch_one(const Names& sources, const Path& path,
                                           const py::function& transport, std::optional<uint64_t> bytes,
                                           std::optional<std::string> sha256, const Listener& listener,
                                           double patience) {
  PythonTransport web(transport);
  const ModelListener tell = model_listener(listener);
  const std::string name = path.filename().string();
  FetchListener told;
  if (tell) told = [&](FetchPhase phase, uint64_t done, uint64_t total) { tell(name, phase, done, total); };
  Download download{sources, path, bytes, std::move(sha256)};
  const py::gil_scoped_release release;
  FileRecord record = fetch_file(download, {web, {}, told, milliseconds(patience)});
  return {record.bytes, std::move(record.sha256)};
}

std::vector<std::pair<std::string, std::string>> fetch(const Names& names, const py::function& transport,
                                                       const Names& sources, const Listener& listener,
                                                       double patience) {
  PythonTransport web(transport);
  const ModelListener tell = model_listener(listener);
  const py::gil_scoped_release release;
  std::vector<std::pair<std::string, std::string>> fetched;
  for (Fetched& file : fetch_models(names, {web, sources, {}, tell, milliseconds(patience)}))
    fetched.emplace_back(std::move(file.model), std::move(file.path));
  return fetched;
}

std::optional<uint64_t> size_of(const std::string& name, const py::function& transport, const Names& sources,
                                double patience) {
  PythonTransport web(transport);
  const py::gil_scoped_release release;
  return size_of_missing(catalogue_model(name), {web, sources, {}, {}, milliseconds(patience)});
}

Names missing(const std::string& name) {
  const CatalogueModel& model = catalogue_model(name);
  Names paths;
  for (const CatalogueFile& file : model.files) {
    if (!model.embedded && installed_file(model, file).empty()) paths.push_back(file.path);
  }
  return paths;
}

void bind_catalogue(py::module_& module) {
  py::class_<CatalogueFile>(module, "ModelFile", py::module_local())
      .def_readonly("path", &CatalogueFile::path)
      .def_readonly("url", &CatalogueFile::url)
      .def_readonly("bytes", &CatalogueFile::bytes)
      .def_readonly("about", &CatalogueFile::about)
      .def_readonly("sha256", &CatalogueFile::sha256);
  py::class_<CatalogueModel>(module, "Model", py::module_local())
      .def_readonly("name", &CatalogueModel::name)
      .def_readonly("title", &CatalogueModel::title)
      .def_readonly("description", &CatalogueModel::description)
      .def_readonly("licence", &CatalogueModel::licence)
      .def_readonly("licence_note", &CatalogueModel::licence_note)
      .def_readonly("stages", &CatalogueModel::stages)
      .def_readonly("one_picture", &CatalogueModel::one_picture)
      .def_readonly("embedded", &CatalogueModel::embedded)
      .def_readonly("untried", &CatalogueModel::is_untried)
      .def_property_readonly("free", &is_free)
      .def_readonly("files", &CatalogueModel::files);
  module.def("catalogue", [] { return catalogue(); });
  module.def("models_folder", [] { return models_folder(); });
  module.def(
      "state",
      [](const std::string& name) { return std::string(state_name(model_state(catalogue_model(name)))); },
      py::arg("name"));
  module.def("missing", &missing, py::arg("name"));
  py::class_<ModelSet>(module, "ModelSet", py::module_local())
      .def_readonly("title", &ModelSet::title)
      .def_readonly("models", &ModelSet::models);
  py::class_<ModelTotal>(module, "ModelTotal", py::module_local())
      .def_readonly("files", &ModelTotal::files)
      .def_readonly("bytes", &ModelTotal::bytes)
      .def_readonly("bytes_there", &ModelTotal::bytes_there)
      .def_readonly("bytes_free", &ModelTotal::bytes_free);
  module.def("sets_with", &sets_with, py::arg("name"));
  module.def("total", &total_of, py::arg("names"));
}

void bind_downloads(py::module_& module) {
  bind_receiver(module);
  const double patience = std::chrono::duration<double>(kPatience).count();
  module.def("fetch_file", &fetch_one, py::arg("sources"), py::arg("path"), py::arg("transport"),
             py::kw_only(), py::arg("bytes") = py::none(), py::arg("sha256") = py::none(),
             py::arg("listener") = py::none(), py::arg("patience") = patience);
  module.def("fetch", &fetch, py::arg("names"), py::arg("transport"), py::kw_only(),
             py::arg("sources") = Names{}, py::arg("listener") = py::none(), py::arg("patience") = patience);
  module.def("size_of_missing", &size_of, py::arg("name"), py::arg("transport"), py::kw_only(),
             py::arg("sources") = Names{}, py::arg("patience") = patience);
}

std::unique_ptr<FileLock> lock_of(const Path& path) {
  return std::make_unique<FileLock>(
      path, LockWords{fmt::format("The folder '{}'", path.parent_path().string()),
                      "Wait for it to end: another Blender, or the program relievo."});
}

void bind_files(py::module_& module) {
  py::class_<FileLock>(module, "Lock", py::module_local())
      .def(py::init(&lock_of), py::arg("path"))
      .def("release", &FileLock::release);
  module.def(
      "verify",
      [](const std::string& name, const Listener& listener) {
        const ModelListener tell = model_listener(listener);
        const py::gil_scoped_release release;
        return verify_model(catalogue_model(name), {}, tell);
      },
      py::arg("name"), py::kw_only(), py::arg("listener") = py::none());
  module.def(
      "import_model",
      [](const Path& source, const std::string& name, const Listener& listener) {
        const ModelListener tell = model_listener(listener);
        const py::gil_scoped_release release;
        return import_model(source, name, {}, tell).paths;
      },
      py::arg("source"), py::arg("name"), py::kw_only(), py::arg("listener") = py::none());
  module.def(
      "remove", [](const std::string& name) { return remove_model(catalogue_model(name)); }, py::arg("name"));
  module.def(
      "check_weights", [](const Path& path) { read_weights(path); }, py::arg("path"),
      py::call_guard<py::gil_scoped_release>());
}

}  // namespace
}  // namespace relievo::bindings

PYBIND11_MODULE(_store, module) {
  module.doc() = "The models of this machine and downloads, without LibTorch.";
  relievo::bindings::bind_errors(module);
  relievo::bindings::bind_catalogue(module);
  relievo::bindings::bind_downloads(module);
  relievo::bindings::bind_files(module);
  relievo::bindings::bind_json(module);
}

#include "python_transport.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace relievo::bindings {
namespace {

/// The object that Python gets. It may keep it for longer than the transfer.
struct Receiver {
  HttpReceiver* receiver;  // null once the transfer is over

  bool begin(int status, const std::vector<std::pair<std::string, std::string>>& lines) const {
    if (receiver == nullptr) return false;
    HttpHeaders headers;
    for (auto [name, value] : lines) {
      std::transform(name.begin(), name.end(), name.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      headers[name] = std::move(value);
    }
    const py::gil_scoped_release release;
    return receiver->begin(status, headers);
  }
  bool body(const py::bytes& bytes) const {
    if (receiver == nullptr) return false;
    const std::string_view view(bytes);
    const py::gil_scoped_release release;
    return receiver->body(std::as_bytes(std::span(view)));
  }
  bool wait() const {
    if (receiver == nullptr) return false;
    const py::gil_scoped_release release;
    return receiver->wait();
  }
};

}  // namespace

Transfer PythonTransport::run(const HttpRequest& request, HttpReceiver& receiver) {
  const py::gil_scoped_acquire acquire;
  const auto handle = std::make_shared<Receiver>(Receiver{&receiver});
  struct End {
    Receiver& handle;
    ~End() { handle.receiver = nullptr; }
  } const end{*handle};
  const py::object ended =
      function_(request.wants_body ? "GET" : "HEAD", request.url, request.headers, handle);
  if (ended.is_none()) return {};
  auto [may_succeed, reason] = ended.cast<std::pair<bool, std::string>>();
  return {may_succeed ? TransferEnd::kBroken : TransferEnd::kHopeless, std::move(reason)};
}

void bind_receiver(py::module_& module) {
  py::class_<Receiver, std::shared_ptr<Receiver>>(module, "Receiver", py::module_local())
      .def("begin", &Receiver::begin, py::arg("status"), py::arg("headers"))
      .def("body", &Receiver::body, py::arg("content"))
      .def("wait", &Receiver::wait);
}

}  // namespace relievo::bindings

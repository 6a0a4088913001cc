// The store's transport to web servers by a function of Python's.
#pragma once

#include <pybind11/pybind11.h>

#include "downloads/transport.h"

namespace relievo::bindings {

/// Calls `function(method, address, headers, receiver)`, which makes one request without following redirects
/// and gives the reply to the receiver. It returns None when all came or the receiver stopped it, else
/// whether another try may succeed, and the reason. The function must outlive the transport.
class PythonTransport final : public Transport {
 public:
  explicit PythonTransport(const pybind11::function& function) : function_(function) {}
  Transfer run(const HttpRequest& request, HttpReceiver& receiver) override;

 private:
  const pybind11::function& function_;
};

void bind_receiver(pybind11::module_& module);

}  // namespace relievo::bindings

#include "json_reader.h"

#include <string>

#include "base/json.h"

namespace py = pybind11;

namespace relievo::bindings {
namespace {

using nlohmann::json;

py::object as_python(const json& value) {
  switch (value.type()) {
    case json::value_t::object: {
      py::dict object;
      for (const auto& [name, member] : value.items()) object[py::str(name)] = as_python(member);
      return object;
    }
    case json::value_t::array: {
      py::list list;
      for (const json& item : value) list.append(as_python(item));
      return list;
    }
    case json::value_t::string:
      return py::str(value.get_ref<const std::string&>());
    case json::value_t::boolean:
      return py::bool_(value.get<bool>());
    case json::value_t::number_integer:
      return py::int_(value.get<json::number_integer_t>());
    case json::value_t::number_unsigned:
      return py::int_(value.get<json::number_unsigned_t>());
    case json::value_t::number_float:
      return py::float_(value.get<double>());
    default:
      return py::none();
  }
}

/// Reads `content`, str or bytes. A str with half a surrogate pair is not text; a file's name may be such a
/// str.
py::object read(const py::object& content) {
  try {
    return as_python(parse_json(content.cast<std::string>()));
  } catch (const JsonError& error) {
    throw py::value_error(error.what());
  } catch (const py::cast_error&) {
    throw py::value_error("it is no text");
  }
}

}  // namespace

void bind_json(py::module_& module) { module.def("read_json", &read, py::arg("content")); }

}  // namespace relievo::bindings

// A view as JSON, in settings, lists and manifests (base/own_view.h).
#pragma once

#include "base/json.h"
#include "base/own_view.h"

namespace relievo {

/// Reads a path or an object. Throws Error{kInvalidSettings} that shows the value.
OwnView view_from_json(const nlohmann::json& value);

/// Writes a path alone where the view has neither mask nor camera.
nlohmann::json json_of(const OwnView& view);

}  // namespace relievo

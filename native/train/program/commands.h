// The commands of relievo-train. Each adds its words to the parser and returns the function that runs when
// they were given: it returns the exit status, and throws Error.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace relievo {

using TrainCommand = std::function<int()>;

/// `relievo-train data -o DIR [--six-views] [--infinigen DIR] [--furniture PATH] [--meshes DIR] [--generated
/// N]`
TrainCommand add_data(CLI::App& parser);

/// `relievo-train run CONFIG.json [--finetune MODEL] [--device cpu|cuda] [--processes N] [--threads N]`
TrainCommand add_run(CLI::App& parser);

/// `relievo-train eval -o DIR [--model NAME.safetensors] [--infinigen DIR] [--furniture PATH] [--meshes DIR]`
TrainCommand add_eval(CLI::App& parser);

/// `relievo-train export RUN -o NAME.safetensors`
TrainCommand add_export(CLI::App& parser);

}  // namespace relievo

// The options that say which objects there are, the same for making data and for measuring.
#pragma once

#include <CLI/CLI.hpp>

#include "train/data/sources.h"

namespace relievo {

void add_sources(CLI::App& parser, Sources& sources);

}  // namespace relievo

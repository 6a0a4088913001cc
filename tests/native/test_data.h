#pragma once

#include <filesystem>

// The folder tests/data of this checkout. One small file alone is compiled with that path, so that a compiler
// cache finds all other tests again in another folder.
std::filesystem::path test_data();

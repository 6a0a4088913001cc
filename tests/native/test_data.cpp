#include "test_data.h"

std::filesystem::path test_data() { return RELIEVO_TEST_DATA; }

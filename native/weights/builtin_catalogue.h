// Holds models/catalogue.json as it was when the program was built.
#pragma once

namespace relievo {
extern const char* const kBuiltinCatalogue;
}  // namespace relievo

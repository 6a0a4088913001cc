#include "train/program/sources_options.h"

#include "app/numeric_option.h"

namespace relievo {

void add_sources(CLI::App& parser, Sources& sources) {
  parser.add_option("--infinigen", sources.infinigen, "Folder of FAMILY_SEED.npz files; repeatable");
  parser.add_option("--furniture", sources.furniture,
                    "Sweet Home 3D catalogue (.sh3f) or folder of them; repeatable");
  parser.add_option("--meshes", sources.meshes,
                    "Folder of your own meshes, by family, with an origin.json; repeatable");
  add_number(parser, "--generated", sources.generated, Range<int>{0, 99'999}, "Objects of the generator");
}

}  // namespace relievo

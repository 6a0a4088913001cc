// Prints a checksum of what the tiny pipeline makes, a line for every picture, strategy, fallback and batch
// size. tests/same.py compares the lines of two commits, so the words of a line never change with the code's
// names.
#include <cstdio>

#include <fmt/format.h>

#include "../engine/tiny_pipeline.h"
#include "base/sha256.h"

namespace relievo {
namespace {

template <typename T>
void add(Sha256& sha, const std::vector<T>& values) {
  const size_t count = values.size();
  sha.add(std::as_bytes(std::span(&count, 1)));
  sha.add(std::as_bytes(std::span(values)));
}

std::string checksum(const MeshBits& mesh) {
  Sha256 sha;
  add(sha, mesh.vertices);
  add(sha, mesh.faces);
  add(sha, mesh.corner_uv);
  add(sha, mesh.albedo);
  add(sha, mesh.vertex_colours);
  return sha.finish();
}

struct Way {
  std::string strategy, fallback;
  int batch = 1;
  Until until = Until::kSurface;
};

void print_checksums(const Way& way) {
  static const std::map<std::string, Fallbacks> all{{"none", {}},
                                                    {"chunks", {.chunked = true}},
                                                    {"tiled", {.chunked = true, .tiled = true}},
                                                    {"half", {true, true, true, false}},
                                                    {"smaller input", {true, true, true, true}}};
  const Fallbacks& fallbacks = all.at(way.fallback);
  TinyPipeline pipeline(way.strategy == "single" ? 1 : 2, strategy_of(way.strategy), way.until, true);
  pipeline.adapt = [&](Plan& plan) {
    for (DeviceGroup& group : plan.groups) {
      group.batch = way.batch;
      pipeline.force(group, fallbacks);
    }
  };
  std::vector<TinyPicture> pictures;
  for (int i = 0; i < std::max(way.batch, 2); ++i) {
    pictures.push_back({tiny_request(i % 3, 7 + i / 3)});
    // The views can be made smaller.
    if (fallbacks.smaller_input) pictures.back().request.settings.input_size = 128;
  }
  const auto made = pipeline.make(pictures);
  for (size_t i = 0; i < made.size(); ++i) {
    fmt::print("{}, {}, fallback {}, batch of {}, picture {}: {}\n",
               way.until == Until::kMesh ? "mesh" : "surface", way.strategy, way.fallback, way.batch, i,
               made[i].error ? made[i].error->what() : checksum(made[i].bits()));
  }
  std::fflush(stdout);
}

void print_all() {
  const WithTinyModels models;
  for (const char* strategy : {"auto", "single", "data", "stage", "guidance", "split", "offload"}) {
    for (const char* fallback : {"none", "chunks", "tiled", "half", "smaller input"}) {
      for (const int batch : {1, 2, 4}) print_checksums({strategy, fallback, batch});
    }
    print_checksums({strategy, "none", 1, Until::kMesh});
  }
}

}  // namespace
}  // namespace relievo

int main() {
  relievo::print_all();
  return 0;
}

// What the kit's program does without. The linker takes these functions in place of those in the modules, so
// that neither Assimp, OpenEXR and libtiff nor the places of this repository come into the kit.
#include <fmt/format.h>

#include "base/error.h"
#include "benchmarks/native/bench.h"
#include "files/exr_channels.h"
#include "files/formats.h"
#include "files/mesh_writers.h"
#include "files/read_mesh.h"

namespace relievo {
namespace {

[[noreturn]] void throw_left_out(const char* what, const char* hint) {
  throw Error(ErrorCode::kInvalidSettings, fmt::format("The program of the kit has no {}.", what), hint);
}

constexpr const char* kOtherPicture = "Use a picture as PNG, JPEG or WebP.";
constexpr const char* kOtherMesh = "Use --format ply.";
constexpr const char* kNoLayers = "Leave out --exr.";

}  // namespace

namespace files {

Image read_exr(const Source&) { throw_left_out("reader of OpenEXR", kOtherPicture); }
Image read_tiff(const Source&) { throw_left_out("reader of TIFF", kOtherPicture); }
std::vector<std::byte> encode_exr(const Image&) { throw_left_out("writer of OpenEXR", kNoLayers); }
std::vector<std::filesystem::path> write_glb(const MeshJob&) { throw_left_out("writer of GLB", kOtherMesh); }
std::vector<std::filesystem::path> write_obj(const MeshJob&) { throw_left_out("writer of OBJ", kOtherMesh); }
std::vector<std::filesystem::path> write_stl(const MeshJob&) { throw_left_out("writer of STL", kOtherMesh); }
std::vector<std::filesystem::path> write_3mf(const MeshJob&) { throw_left_out("writer of 3MF", kOtherMesh); }

}  // namespace files

std::vector<std::byte> encode_exr_channels(int, int, std::span<const ExrChannel>, const Provenance&) {
  throw_left_out("writer of OpenEXR", kNoLayers);
}

MeshFile read_mesh(const std::filesystem::path&, const CancelToken&) {
  throw_left_out("reader of meshes", "Use the program that `make build` makes.");
}

nlohmann::json run_baseline(const std::string&, const nlohmann::json&, const std::string&) {
  throw_left_out("baselines", "Use --alone.");
}

}  // namespace relievo

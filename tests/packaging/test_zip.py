"""The zip that is published: dist/relievo-VERSION-linux-x64.zip, as `make zip` leaves it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import elf
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "packaging"))
import kernels
import pack

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
DIST = ROOT / "dist"
PICTURES = ROOT / "tests" / "data" / "pictures"
BLENDER_EXT = next(Path(sysconfig.get_path("purelib"), "bpy").glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))

# What a library in the zip may ask for besides its neighbours: the system's part, and LibTorch as
# bindings/relievo/_runtime.py opens it.
SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1", "libstdc++.so.6"}
SYSTEM |= {"ld-linux-x86-64.so.2"}
RUNTIME = {"libgomp.so.1", "libc10.so", "libtorch_cpu.so", "libcudart.so.13"}


@pytest.fixture(scope="module")
def archive() -> Path:
    (found,) = (path for path in DIST.glob("relievo-*-linux-x64.zip"))
    return found


@pytest.fixture(scope="module")
def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as file:
        return file.namelist()


@pytest.fixture(scope="module")
def extension(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked zip."""
    folder = tmp_path_factory.mktemp("extension")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def modules(extension: Path) -> list[Path]:
    return sorted(file for name in ("_native", "_store") for file in (extension / "relievo").glob(f"{name}.*"))


@pytest.fixture(scope="module")
def heif(extension: Path) -> Path:
    """Checks what the module opens when the first HEIC or AVIF file comes."""
    return extension / "relievo" / "librelievo_heif.so"


@pytest.fixture(scope="module")
def libraries(extension: Path) -> list[Path]:
    return sorted((extension / "relievo" / "libs").iterdir())


def test_blender_validates_it(archive: Path) -> None:
    ended = subprocess.run([sys.executable, BLENDER_EXT, "validate", archive], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_name_has_the_version_and_the_platform_of_the_manifest(archive: Path, extension: Path) -> None:
    manifest = tomllib.loads((extension / "blender_manifest.toml").read_text())
    assert archive.name == f"{manifest['id']}-{manifest['version']}-{manifest['platforms'][0]}.zip"


def test_there_is_a_module_for_each_python_of_blenders(modules: list[Path]) -> None:
    assert [module.name for module in modules if module.suffix == ".so"] == [
        "_native.cpython-311-x86_64-linux-gnu.so",
        "_native.cpython-313-x86_64-linux-gnu.so",
        "_store.cpython-311-x86_64-linux-gnu.so",
        "_store.cpython-313-x86_64-linux-gnu.so",
    ]


def test_modules_are_for_the_python_of_their_name(modules: list[Path]) -> None:
    # pybind11 compiles in the version that it refuses all others but.
    for module, version in zip((m for m in modules if m.suffix == ".so"), (b"3.11", b"3.13") * 2, strict=True):
        assert b"\0" + version + b"\0" in module.read_bytes()


def test_modules_have_kernels_for_every_architecture_that_is_promised(modules: list[Path]) -> None:
    natives = [module for module in modules if module.name.startswith("_native.cpython")]
    assert len(natives) == 2
    sources = len(list((ROOT / "native").glob("**/*.cu")))
    architectures = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "compute_120"}
    for module in natives:
        assert kernels.kernels_of(module) == [architectures] * sources, module.name


def test_kernels_are_launched_by_the_cuda_runtime_that_libtorch_brings(modules: list[Path]) -> None:
    """NVIDIA's static one is not linked, and so not published."""
    for module in (module for module in modules if module.name.startswith("_native.cpython")):
        assert "libcudart.so.13" in elf.needed(module)
        assert {"__cudaLaunchKernel", "__cudaRegisterFatBinary"} <= elf.asked_symbols(module)


def test_embedded_weights_and_their_cards_are_in_it(names: list[str]) -> None:
    weights = {f"relievo/models/{path.name}" for path in (ROOT / "models").glob("*.safetensors")}
    cards = {name.replace(".safetensors", ".md") for name in weights}
    assert weights
    assert weights | cards <= set(names)


def test_golden_cases_are_in_it_and_small(names: list[str], extension: Path) -> None:
    cases = [name for name in names if name.startswith("relievo/golden/")]
    assert {"relievo/golden/zero123/vae/io.safetensors", "relievo/golden/flexicubes/config.json"} <= set(cases)
    assert sum((extension / name).stat().st_size for name in cases) <= 2_000_000


def test_nothing_of_libtorchs_or_nvidias_is_in_it(names: list[str]) -> None:
    assert not [name for name in names if pack.FOREIGN.match(name.rpartition("/")[2])]


def test_every_library_of_libtorchs_and_nvidias_is_known_by_its_name() -> None:
    place = Path(sysconfig.get_path("purelib"))
    folders = [place / "torch" / "lib", *place.glob("nvidia/*/lib")]
    names = {file.name for folder in folders for file in folder.iterdir() if ".so" in file.name}
    names |= {"libtorch_cuda.so", "libc10_cuda.so", "libcublasLt.so.13", "libcudnn_ops.so.9", "libcusparseLt.so.0"}
    names |= {"libnccl.so.2", "libnvrtc.so.13", "libcufile.so.0", "torch_cpu.dll", "c10.dll", "libc10.dylib"}
    assert "libtorch_cpu.so" in names
    assert not [name for name in sorted(names) if not pack.FOREIGN.match(name)]


def test_manual_is_in_it_and_needs_no_website(names: list[str], extension: Path) -> None:
    """F1 opens the page that is in the zip, at the part that tells of the button; no page of anybody's is named."""
    page = (extension / "manual" / "index.html").read_text()
    anchors = set(re.findall(r'"(#[a-z-]+)"', (extension / "menus.py").read_text()))
    assert anchors and all(f'id="{anchor.removeprefix("#")}"' in page for anchor in anchors)
    pictures = set(re.findall(r'src="([^"]+)"', page))
    assert pictures and {f"manual/{picture}" for picture in pictures} <= set(names)
    assert "website" not in tomllib.loads((extension / "blender_manifest.toml").read_text())


def test_no_compiled_python_is_in_it(names: list[str]) -> None:
    assert not [name for name in names if name.endswith(".pyc")]


def test_paths_are_short(names: list[str]) -> None:
    assert max(map(len, names)) < 120


def test_every_library_has_its_licence(extension: Path, libraries: list[Path]) -> None:
    table = (extension / "relievo" / "licences" / "README.txt").read_text()
    for library in libraries:
        found = re.search(rf"^{re.escape(library.name)}\s+(\S+\.txt) \((\S+) \d", table, re.MULTILINE)
        assert found, library.name
        assert "opyright" in (extension / "relievo" / "licences" / found[1]).read_text()


def source_package(package: str) -> str:
    """The Debian source package that a package was built from."""
    command = ["dpkg-query", "-W", "-f=${source:Package}", package]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def included_packages() -> set[str]:
    """Debian's source packages whose headers the module's own files include."""
    files = [*(ROOT / "native").rglob("*"), *(ROOT / "bindings").glob("*")]
    left_out = {ROOT / "native" / name for name in ("app", "verify", "train")}  # not in the module
    headers: set[str] = set()
    for file in files:
        if file.suffix in (".cpp", ".h", ".cu", ".cuh") and not left_out & set(file.parents):
            headers.update(re.findall(r"^#include <(.+)>", file.read_text(), re.MULTILINE))
    folders = [Path("/usr/include"), *(Path("/usr/include") / name for name in ("eigen3", "OpenEXR", "Imath"))]
    places = {place for header in headers for folder in folders if (place := folder / header).exists()}
    told = subprocess.run(["dpkg-query", "-S", *map(str, places)], capture_output=True, text=True, check=True).stdout
    packages = {line.partition(":")[0] for line in told.splitlines() if not line.startswith("diversion")}
    return {source_package(package) for package in packages} - {"glibc", "linux"}


def test_everything_that_is_compiled_in_has_its_licence(extension: Path) -> None:
    """Sources outside the repository that the compiler was given, and headers of Debian's that ours include."""
    licences = extension / "relievo" / "licences"
    table = (licences / "README.txt").read_text()
    listed = re.findall(r"\s(\S+)\.txt \(", table)
    assert all((licences / f"{name}.txt").stat().st_size > 500 for name in listed)

    commands = json.loads((BUILD / "compile_commands.json").read_text())
    compiled = {Path(command["file"]) for command in commands}
    sources = ROOT / ".venv" / "src"
    outside = {file.relative_to(sources).parts[0] for file in compiled if sources in file.parents}
    assert outside == {"xatlas", "libheif"}
    assert outside <= set(listed)
    notices = (licences / "xatlas.txt").read_text()
    assert all(name in notices for name in ("Jonathan Young", "Thekla", "Brandon Pelfrey"))
    # The library in the report's page, with those that are in it.
    notices = (licences / "model-viewer.txt").read_text()
    assert all(name in notices for name in ("Apache License", "Google LLC", "Three.js Authors"))

    included = included_packages()
    assert {"fmtlib", "eigen3", "openexr"} <= included
    of_debian = [name for name in listed if name not in {*outside, "model-viewer", "pybind11", "torch", "numpy"}]
    assert included <= {source_package(name) for name in of_debian}


# The libraries


def test_everything_asked_for_is_in_the_zip_or_the_systems_or_the_runtimes(
    modules: list[Path], libraries: list[Path], heif: Path
) -> None:
    known = SYSTEM | RUNTIME | {elf.soname(library) or "" for library in libraries}
    for file in [*(m for m in modules if m.suffix == ".so"), *libraries, heif]:
        assert elf.needed(file) <= known, file.name


def test_nothing_of_the_trainer_is_in_it(modules: list[Path], libraries: list[Path]) -> None:
    """Neither its libraries nor its code: words that its messages have, and functions that it calls."""
    trainers = re.compile(rb"processes can meet|relievo-train|Embree")
    for file in [*(m for m in modules if m.suffix == ".so"), *libraries]:
        assert not re.search(r"embree|libzip|tbb", " ".join(elf.needed(file))), file.name
        assert not [name for name in elf.asked_symbols(file) if re.match(r"rtc[A-Z]|zip_|.*ProcessGroupGloo", name)]
        assert not trainers.search(file.read_bytes()), file.name


def test_libraries_have_names_of_their_own(libraries: list[Path]) -> None:
    assert len(libraries) >= 10
    for library in libraries:
        assert elf.soname(library) == library.name
        assert re.search(r"-relievo-[0-9a-f]{8}\.so\b", library.name)


def test_libraries_are_looked_for_beside_the_module_only(
    modules: list[Path], libraries: list[Path], heif: Path
) -> None:
    for module in [*(m for m in modules if m.suffix == ".so"), heif]:
        assert elf.search_paths(module) == ["$ORIGIN/libs"]
    for library in libraries:
        assert elf.search_paths(library) == ["$ORIGIN"]


def test_modules_show_python_one_function(modules: list[Path]) -> None:
    for module in (m for m in modules if m.suffix == ".so"):
        assert elf.exported(module) == {f"PyInit_{module.name.partition('.')[0]}"}


def test_store_needs_the_system_alone(modules: list[Path]) -> None:
    """It is there before LibTorch is, and brings no second TLS library into Blender's process."""
    stores = [module for module in modules if module.name.startswith("_store.cpython")]
    assert len(stores) == 2
    for module in stores:
        assert elf.needed(module) <= SYSTEM


def test_heif_is_decoded_only_and_by_nothing_that_the_module_asks_for(modules: list[Path], heif: Path) -> None:
    assert elf.exported(heif) == {"relievo_heif_decode"}
    decoders = {name for name in elf.needed(heif) if name.startswith(("libde265", "libdav1d"))}
    assert len(decoders) == 2
    assert not [name for name in elf.needed(heif) if re.match(r"lib(x265|aom|heif)", name)]
    for module in (m for m in modules if m.suffix == ".so"):
        assert not decoders & elf.needed(module)


def test_heif_adds_at_most_four_megabytes(archive: Path, heif: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        added = [entry.compress_size for entry in file.infolist() if re.search(r"heif|de265|dav1d", entry.filename)]
    assert len(added) >= 3
    assert sum(added) <= 4_000_000


def test_libraries_show_nothing_under_its_common_name(libraries: list[Path]) -> None:
    for library in libraries:
        common = {name for name in elf.exported(library) if not name.startswith("relievo_")}
        assert common <= {"_init", "_fini"}, library.name


def test_floor_is_the_one_that_is_stated(modules: list[Path], libraries: list[Path], heif: Path) -> None:
    files = [*(m for m in modules if m.suffix == ".so"), *libraries, heif]
    asked = {family: max(elf.newest_version(file, family) for file in files) for family in ("GLIBC", "GLIBCXX")}
    text = (ROOT / "docs" / "release.md").read_text()
    stated = re.search(r"glibc (\d+\.\d+) and a libstdc\+\+ with GLIBCXX_(\d+\.\d+\.\d+)", text)
    assert stated
    assert asked == {
        "GLIBC": tuple(map(int, stated[1].split("."))),
        "GLIBCXX": tuple(map(int, stated[2].split("."))),
    }


IN_BLENDER = """
import sys
import bpy
sys.path.insert(0, sys.argv[1])
import relievo
relievo.load()
from pathlib import Path
loaded = {line.split("/")[-1].strip() for line in Path("/proc/self/maps").read_text().splitlines() if "/" in line}
assert any(name.startswith("libOpenEXR.so") for name in loaded), "Blender's"
assert any(name.startswith("libOpenEXR-3_1-relievo-") for name in loaded), "ours"
result = relievo.generate(sys.argv[2], mask="alpha", grid=16, texture_size=64)
bpy.ops.wm.read_factory_settings(use_empty=True)
image = bpy.data.images.load(sys.argv[2])
print("sizes", *image.size, *result.foreground.shape)
"""


def test_no_library_of_blenders_is_mixed_up_with_ours(extension: Path, tmp_path: Path) -> None:
    """Both read an OpenEXR picture in one process, and the loader's own log says what was bound to what."""
    picture = PICTURES / "formats" / "rgba_float.exr"
    log = tmp_path / "bindings"
    environment = {**os.environ, "LD_DEBUG": "bindings", "LD_DEBUG_OUTPUT": str(log)}
    ended = subprocess.run(
        [sys.executable, "-c", IN_BLENDER, extension, picture], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert re.search(r"^sizes [1-9]\d* [1-9]\d* [1-9]\d* [1-9]\d* 4$", ended.stdout, re.MULTILINE)

    seen = 0
    line_of = re.compile(r"binding file (\S+) \[0\] to (\S+) \[0\]: \w+ symbol `(\S+?)'")
    for file in tmp_path.glob("bindings.*"):
        with file.open() as lines:
            for line in lines:
                if (found := line_of.search(line)) is None:
                    continue
                asking, answering, symbol = found.groups()
                is_ours, is_by_us = (str(extension) in name for name in (asking, answering))
                if is_by_us:
                    assert is_ours, f"{symbol} of {asking} is taken from {answering}"
                elif is_ours:
                    seen += 1
                    name = Path(answering).name
                    assert name.startswith("python") or name in SYSTEM | RUNTIME, (
                        f"{symbol} of {asking} is taken from {answering}"
                    )
    assert seen > 500


# LibTorch in the extension's own folder, as in the offline zip

INSTALLED = """
import os, sys
from pathlib import Path
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
folder = Path(sys.modules["bl_ext.user_default.relievo"].__file__).parent / "runtime"
folder.mkdir()
for library in sys.argv[2:]:
    (folder / Path(library).name).symlink_to(library)
from bl_ext.user_default.relievo.relievo import _runtime
print("found in", *{path.parent for path in _runtime.find_libraries()})
print("is", folder)
"""


def test_runtime_in_the_extension_is_found(archive: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)}
    place = Path(sysconfig.get_path("purelib"))
    libraries = [
        *((place / "torch" / "lib" / name) for name in ("libc10.so", "libtorch_cpu.so", "libgomp.so.1")),
        *((place / "nvidia" / "cu13" / "lib" / name) for name in ("libcudart.so.13", "libcupti.so.13")),
    ]
    ended = subprocess.run(
        [sys.executable, "-c", INSTALLED, archive, *libraries], env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    found = re.search(r"^found in (.+)\nis (.+)$", ended.stdout, re.MULTILINE)
    assert found
    assert found[1] == found[2]


# The repository


def test_index_names_the_zip_as_it_is(archive: Path) -> None:
    (entry,) = json.loads((DIST / "index.json").read_text())["data"]
    assert entry["archive_url"] == f"./{archive.name}"
    assert entry["archive_size"] == archive.stat().st_size
    assert entry["archive_hash"] == f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"


def test_checksums_are_those_of_the_files(archive: Path) -> None:
    ended = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=DIST, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{archive.name}: OK" in ended.stdout

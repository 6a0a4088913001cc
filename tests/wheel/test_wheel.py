"""The wheel that `make wheel` has left in dist/, in a fresh environment. Not part of `make test`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "packaging"))
import kernels

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "tests" / "data" / "pictures" / "chicken.jpg"
# What the wheel asks for, as pip would install it; linked, for torch is large.
ASKED_FOR = ("numpy", "numpy.libs", "torch", "nvidia")


@pytest.fixture(scope="module")
def wheel() -> Path:
    (found,) = (ROOT / "dist").glob("relievo-*-cp311-*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True)
    interpreter = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", interpreter, "install", "-q", "--no-index", "--no-deps", wheel]
    subprocess.run([str(word) for word in command], check=True)
    (packages,) = folder.glob("lib/*/site-packages")
    for name in ASKED_FOR:
        if (origin := Path(sysconfig.get_path("purelib")) / name).exists():
            (packages / name).symlink_to(origin)
    return interpreter


def run(python: Path, code: str, folder: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RELIEVO"))}
    ended = subprocess.run([python, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_two_lines_make_a_mesh(python: Path, tmp_path: Path) -> None:
    """Runs the README's lines."""
    run(python, f"import relievo\nrelievo.generate({str(PICTURE)!r}, grid=48).save('chicken.glb')", tmp_path)
    assert (tmp_path / "chicken.glb").read_bytes()[:4] == b"glTF"


def test_nothing_of_the_trainer_is_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            assert not re.search(r"train|embree|gloo|nccl", name), name
            content = archive.read(name) if name.endswith(".so") or ".so." in name else b""
            assert not re.search(rb"processes can meet|relievo-train|Embree", content), name


def test_package_is_the_installed_one(python: Path, tmp_path: Path) -> None:
    told = run(python, "import relievo\nprint(relievo.__file__, relievo.__version__)", tmp_path).split()
    assert Path(told[0]).is_relative_to(python.parents[1])
    version = (ROOT / "CMakeLists.txt").read_text().partition("project(relievo VERSION ")[2].split()[0]
    assert told[1] == version


def test_it_works_where_a_loop_runs_and_off_the_main_thread(python: Path, tmp_path: Path) -> None:
    """Runs them as in a notebook, whose cells run inside an event loop."""
    code = f"""
import asyncio, relievo
async def cell():
    here = relievo.generate({str(PICTURE)!r}, grid=24, texture_size=64)
    there = await asyncio.to_thread(relievo.generate, {str(PICTURE)!r}, grid=24, texture_size=64)
    print((here.mesh.vertices == there.mesh.vertices).all())
asyncio.run(cell())
"""
    assert run(python, code, tmp_path) == "True\n"


def test_it_installs_the_command(python: Path, tmp_path: Path) -> None:
    command = python.parent / "relievo"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    told = subprocess.run([command, "--version"], env=environment, capture_output=True, text=True)
    version = (ROOT / "CMakeLists.txt").read_text().partition("project(relievo VERSION ")[2].split()[0]
    assert (told.returncode, told.stdout) == (0, f"relievo {version}\n")
    words: list[str | Path] = [command, "generate", PICTURE, "-o", tmp_path / "out", "--grid", "48", "--no-sheet"]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    (mesh,) = (tmp_path / "out").rglob("*.glb")
    assert mesh.read_bytes()[:4] == b"glTF"


def test_wheel_holds_kernels_for_every_architecture(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.startswith("relievo/_native.cpython"))
        kernels.require_kernels(Path(archive.extract(name, tmp_path)))


def test_wheel_holds_licences_and_stubs_and_nothing_of_torchs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {"relievo/_native.pyi", "relievo/_store.pyi", "relievo/py.typed", "relievo/licences/README.txt"} <= set(
        names
    )
    assert {"relievo/models/u2netp.safetensors", "relievo/models/u2netp.md", "relievo/models/catalogue.json"} <= set(
        names
    )
    assert not [name for name in names if any(word in name for word in ("libtorch", "libc10", "libcud", "libgomp"))]

"""The kit for a machine with a card, and what it does in an empty chroot without one, beside LibTorch for the CPU.

Not part of `make test`: `make gpu-kit` makes it and runs this, which needs root for chroot.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path += [str(Path(__file__).resolve().parents[2] / name) for name in ("packaging", "tests/packaging")]
import elf
import gpu_kit
import pack
from bare_root import make_root, places, run, start_in_chroot
from gpu_kit import ROOT

# What run.sh calls, of those that every Linux has.
TOOLS = ("sh", "cat", "date", "dirname", "grep", "ln", "mkdir", "sed", "timeout", "tr", "uname")
STEPS = ["devices", "gpu-check", "preview", "bench-step", "bench-planes", "bench-vae", "bench-pipeline"]


@pytest.fixture(scope="module")
def kit() -> Path:
    (found,) = (ROOT / "dist").glob("relievo-*-gpu-kit")
    return found


@pytest.fixture(scope="module")
def root(kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Holds the kit, LibTorch as pip lays it out, and tools: no library that the kit should have brought."""
    root = tmp_path_factory.mktemp("root")
    make_root(root, TOOLS)
    shutil.copytree(kit, root / "kit")
    place = Path(sysconfig.get_path("purelib"))
    for folder in (place / "torch" / "lib", *place.glob("nvidia/*/lib")):
        inside = root / "site-packages" / folder.relative_to(place)
        inside.mkdir(parents=True)
        for file in folder.iterdir():
            if ".so" in file.name and "python" not in file.name:
                shutil.copy(file, inside / file.name)
    yield root
    shutil.rmtree(root)


def steps_of(results: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in (results / "steps.jsonl").read_text().splitlines()]
    return {line["step"]: line for line in lines}


def test_it_is_small(kit: Path) -> None:
    files = [file for file in kit.rglob("*") if file.is_file()]
    assert 5_000_000 < sum(file.stat().st_size for file in files) <= 25_000_000
    assert sum(file.stat().st_size for file in (kit / "golden").rglob("*") if file.is_file()) <= 2_000_000


def test_nothing_of_libtorchs_or_nvidias_is_in_it(kit: Path) -> None:
    assert not [file.name for file in kit.rglob("*") if pack.FOREIGN.match(file.name)]


def test_batches_and_what_they_need_are_not_in_it(kit: Path) -> None:
    assert not [name for name in elf.needed(kit / gpu_kit.PROGRAM) if "sqlite" in name]
    assert not list((kit / "libs").glob("*sqlite*"))


def test_it_asks_for_no_newer_glibc_than_is_promised(kit: Path) -> None:
    for file in (kit / gpu_kit.PROGRAM, *(kit / "libs").iterdir()):
        assert elf.newest_version(file, "GLIBC") <= (2, 34), file.name
        assert elf.newest_version(file, "GLIBCXX") <= (3, 4, 29), file.name


def test_a_library_that_the_system_lacks_is_in_it(kit: Path) -> None:
    """And found beside the program, whatever the machine has."""
    found = {place.resolve() for library, place in places(kit / gpu_kit.PROGRAM).items() if "relievo" in library}
    assert found and found <= {file.resolve() for file in (kit / "libs").iterdir()}


def test_what_a_card_does_not_need_is_left_out(kit: Path) -> None:
    libraries = [file.name for file in (kit / "libs").iterdir()]
    assert not [name for name in libraries if re.match("lib(assimp|draco|OpenEXR|tiff|sqlite3|curl|heif|embree)", name)]


def test_what_is_left_out_is_said(root: Path) -> None:
    """And what to do instead, in place of a program that cannot start."""
    folders = {file.parent for file in (root / "site-packages").rglob("*.so*")}
    libraries = ":".join(f"/{folder.relative_to(root)}" for folder in folders)
    words = ["generate", "/kit/pictures/cactus.jpg", "-o", "/meshes", "--format", "glb"]
    told = start_in_chroot(root, "/kit/relievo", *words, PATH="/bin", LD_LIBRARY_PATH=libraries)
    assert told.returncode == 2
    assert "The program of the kit has no writer of GLB." in told.stderr
    assert "Use --format ply." in told.stderr


def test_every_step_runs_in_an_empty_chroot_and_leaves_json(root: Path) -> None:
    ended = start_in_chroot(root, "/kit/run.sh", "/site-packages", "/results", PATH="/bin")
    results = root / "results"
    told = {file.name: file.read_text(errors="replace")[-2000:] for file in results.glob("*.err")}
    assert ended.returncode == 0, (ended.stdout, ended.stderr, told)
    steps = steps_of(results)
    assert list(steps) == STEPS
    assert {step["status"] for step in steps.values()} == {0}
    check = json.loads((results / "gpu-check.json").read_text())
    names = {line["name"] for line in check["checks"]}
    assert {"FlexiCubes", "golden in float32", "tiny pipeline in float32", "budget of 3 GiB"} <= names
    assert check["failed"] == 0
    assert json.loads((results / "devices.out").read_text())["usable_gpus"] == 0
    for bench in ("step", "planes", "vae", "pipeline"):
        report = json.loads((results / f"bench-{bench}.out").read_text())
        assert (report["name"], report["device"], report["full_size"]) == (bench, "cpu", False)
        assert report["peak_allocated_bytes"] > 0 and report["it_per_s"] > 0
    assert {file.suffix for file in (results / "preview").iterdir()} >= {".ply", ".png"}


def test_it_goes_on_after_a_step_that_fails(root: Path, tmp_path: Path) -> None:
    """Without golden cases the check fails; what comes after it is done all the same."""
    shutil.move(root / "kit" / "golden", tmp_path / "golden")
    ended = start_in_chroot(root, "/kit/run.sh", "/site-packages", "/failed", PATH="/bin")
    shutil.move(tmp_path / "golden", root / "kit" / "golden")
    steps = steps_of(root / "failed")
    assert list(steps) == STEPS
    assert {name for name, step in steps.items() if step["status"] != 0} == {"gpu-check"}
    assert ended.returncode != 0
    assert "gpu-check.err says more" in ended.stdout


@pytest.mark.parametrize(
    ("words", "told"), [((), "LIBTORCH_DIR"), (("/kit",), "There is no libtorch_cpu.so in '/kit'")]
)
def test_a_folder_without_libtorch_is_refused(root: Path, words: tuple[str, ...], told: str) -> None:
    ended = start_in_chroot(root, "/kit/run.sh", *words, PATH="/bin")
    assert ended.returncode == 2
    assert told in ended.stderr
    assert not list(root.glob("results-*"))


def test_the_readme_names_what_comes_back(kit: Path) -> None:
    text = (kit / "README.txt").read_text()
    for name in ("run.sh LIBTORCH_DIR", "steps.jsonl", "gpu-check.json", "machine.txt"):
        assert name in text
    assert max(map(len, text.splitlines())) <= 120
    run("sh", "-n", kit / "run.sh")
    assert os.access(kit / "run.sh", os.X_OK)

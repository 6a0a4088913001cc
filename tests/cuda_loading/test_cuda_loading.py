"""The CUDA runtime that the extension's set-up installs, without a driver and with nothing of the machine's around it.

Not part of `make test`: `make test-cuda-loading` fetches 2.5 GB into build-cuda/ once and needs root for chroot.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).resolve().parents[1] / name) for name in ("addon", "app", "packaging")]
import elf
import processes
from bare_root import LIBRARIES as LIBRARIES_OF_ROOT
from bare_root import LOADER, SYSTEM, in_chroot, make_root, places, run
from extension_source import ROOT, imported
from relievo import _runtime

PLACE = ROOT / "build-cuda"
DRIVER = "libcuda.so.1"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder as the set-up fills it, from the wheels whose checksums it knows."""
    with imported(tmp_path_factory.mktemp("setup"), "setup_runtime") as setup:
        cuda = setup.runtimes()["cuda"]
        downloads = PLACE / "downloads"
        for wheel in cuda.wheels:
            if not (downloads / wheel.name).exists():
                name, version = wheel.name.split("-")[:2]
                run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", downloads, f"{name}=={version}")
        files = [setup.fetch_wheel(wheel, downloads, lambda doing, done: None) for wheel in cuda.wheels]
        setup.unpack(files, cuda, PLACE / "root" / "runtime", lambda doing, done: None)
        assert setup.installed(PLACE / "root" / "runtime") == "cuda"
    yield PLACE / "root" / "runtime"
    shutil.rmtree(PLACE / "root")


@pytest.fixture(scope="module")
def root(runtime: Path) -> Path:
    """A folder with the runtime, the system's libraries and nothing else."""
    root = runtime.parent
    run("cc", Path(__file__).with_name("open_libraries.c"), "-o", root / "open_libraries", "-ldl")
    make_root(root)
    return root


def test_every_library_finds_what_it_asks_for_but_the_driver(runtime: Path) -> None:
    files = sorted(runtime.glob("*.so*"))
    assert {"libtorch_cuda.so", "libcudnn.so.9", "libcublasLt.so.13", "libnccl.so.2"} <= {file.name for file in files}
    known = {file.name for file in files} | set(SYSTEM) | {LOADER, DRIVER}
    missing = {file.name: elf.needed(file) - known for file in files}
    assert {name: names for name, names in missing.items() if names} == {}


def test_libtorch_cuda_opens_and_registers_its_device_guard_where_there_is_no_driver(root: Path) -> None:
    names = [*_runtime.LIBRARIES, "libtorch_cuda.so"]
    told = in_chroot(root, "/open_libraries", *(f"/runtime/{name}" for name in names))
    assert told.splitlines() == [*(f"{name}: open" for name in names), "device guard: registered"]
    told = in_chroot(root, "/open_libraries", *(f"/runtime/{name}" for name in names[:-1]))
    assert told.splitlines()[-1] == "device guard: none"


def test_every_library_opens_that_needs_no_driver(root: Path, runtime: Path) -> None:
    """The order does not matter: neighbours are found beside each library, not by luck."""
    for file in sorted(runtime.glob("*.so*")):
        if DRIVER in elf.needed(file) or file.name.startswith("libtorch_"):  # those lean on libtorch_cuda, as above
            continue
        told = in_chroot(
            root, "/open_libraries", *(f"/runtime/{name}" for name in _runtime.LIBRARIES), f"/runtime/{file.name}"
        )
        assert f"{file.name}: open" in told.splitlines()


@pytest.fixture(scope="module")
def programs(root: Path, runtime: Path) -> dict[str, str]:
    """Programs of the build with the libraries that they ask for besides LibTorch: the environment to run them in."""
    folder = root / "program"
    folder.mkdir()
    for program in (processes.PROGRAM, processes.BUILD / "cuda_hooks"):
        shutil.copy(program, folder)
        for name, place in places(program).items():
            if not any((there / name).exists() for there in (runtime, folder, root / LIBRARIES_OF_ROOT)):
                shutil.copy(place, folder / name)
    return {"LD_LIBRARY_PATH": "/runtime:/program"}


def test_devices_says_that_the_driver_is_missing(root: Path, programs: dict[str, str]) -> None:
    told = in_chroot(root, "/program/relievo", "devices", **programs)
    assert "GPUs cannot be used: A CUDA runtime is installed, but no NVIDIA driver." in told
    assert "Install NVIDIA's driver 580 or later, or go on with the CPU." in told


def test_torch_knows_of_cuda_only_where_that_was_opened_before_it_computed(
    root: Path, programs: dict[str, str]
) -> None:
    """Both ways with the real library. What comes too late is said, and the CPU computes in any case."""
    assert in_chroot(root, "/program/cuda_hooks", "before", **programs) == "open: yes\nsum: 1944\n"
    late = "the process computed before libtorch_cuda was opened; start Relievo (or Blender) again"
    assert in_chroot(root, "/program/cuda_hooks", "after", **programs) == f"sum: 1944\nopen: {late}\n"


def test_a_limit_of_memory_reaches_the_allocators_own_function(root: Path, programs: dict[str, str]) -> None:
    """It is a virtual call by a class of libc10_cuda whose functions the library does not export."""
    told = in_chroot(root, "/program/cuda_hooks", "limit", **programs).splitlines()
    assert told[-2:] == [
        "limit: Allocator not initialized for device ",  # torch writes 0 as a character, which ends the text
        "by: setMemoryFraction in CUDACachingAllocator.cpp",
    ]


def test_the_trainers_library_opens_the_real_nccl(root: Path, runtime: Path) -> None:
    """Gradients of several GPUs are added by NCCL: without one, its group says so itself."""
    assert "libnccl.so.2" in elf.needed(runtime / "libtorch_cuda.so")
    folder = root / "trainer"
    folder.mkdir()
    for file in ("test_train", "librelievo_nccl.so"):
        shutil.copy(processes.BUILD / file, folder)
        for name, place in places(processes.BUILD / file).items():
            if not any((there / name).exists() for there in (runtime, folder, root / LIBRARIES_OF_ROOT)):
                shutil.copy(place, folder / name)
    told = in_chroot(
        root,
        "/trainer/test_train",
        LD_LIBRARY_PATH="/runtime:/trainer",
        RELIEVO_COLLECTIVES_PART="real-nccl",
        RELIEVO_RANK="0",
        RELIEVO_PLACE="file:///tmp/meeting",
    )
    assert told.startswith("NCCL: ") and "ProcessGroupNCCL is only supported with GPUs" in told

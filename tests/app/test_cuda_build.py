"""CUDA kernels are compiled for every architecture that we promise, and a build without them says so."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "packaging"))
import kernels

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))

# The architectures of the cards from Turing on; PTX of the last one serves cards to come.
ARCHITECTURES = {"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "compute_120"}


def test_every_source_of_kernels_is_compiled_for_every_architecture() -> None:
    sources = list((ROOT / "native").glob("**/*.cu"))
    assert sources
    for source in sources:
        (compiled,) = BUILD.glob(f"native/**/{source.name}.o")
        assert kernels.kernels_of(compiled) == [ARCHITECTURES], source


def nvcc_of(source: str) -> tuple[list[str], str]:
    """Returns the command by which the build compiles a source of kernels, and its folder."""
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        (nvcc, *_) = [*(i for i, word in enumerate(words) if word.endswith("/nvcc")), -1]
        if nvcc >= 0 and entry["file"].endswith(f"native/kernels/{source}"):
            return words[nvcc:], entry["directory"]
    raise FileNotFoundError(f"The build does not compile {source} by nvcc.")


@pytest.mark.parametrize("architecture", ["75-real", "86", "90-real;100-real"])
def test_what_is_read_of_an_object_is_what_nvcc_was_asked_for(architecture: str, tmp_path: Path) -> None:
    (tmp_path / "one.cu").write_text("__global__ void fill(float* at) { at[threadIdx.x] = 1; }\n")
    wanted = set()
    options = []
    for name in architecture.split(";"):
        number = name.removesuffix("-real")
        codes = {f"sm_{number}"} if name.endswith("-real") else {f"sm_{number}", f"compute_{number}"}
        wanted |= codes
        options.append(f"--generate-code=arch=compute_{number},code=[{','.join(sorted(codes))}]")
    nvcc = nvcc_of("noise.cu")[0][0]
    command = [nvcc, *options, "-c", tmp_path / "one.cu", "-o", tmp_path / "one.o"]
    subprocess.run([str(word) for word in command], check=True)
    assert kernels.kernels_of(tmp_path / "one.o") == [wanted]


@pytest.mark.parametrize("source", ["noise.cu", "sampler_step.cu", "triplane.cu"])
def test_no_kernel_fuses_a_product_and_a_sum(source: str, tmp_path: Path) -> None:
    """The CPU's twin does not, so that both compute the same bits wherever IEEE 754 defines them."""
    words, folder = nvcc_of(source)
    words = [word for word in words if not word.startswith("--generate-code")]
    words[words.index("-c")] = "--ptx"
    words[words.index("-o") + 1] = str(tmp_path / "kernels.ptx")
    subprocess.run(words, cwd=folder, check=True)
    operations = re.findall(r"^\s+([a-z0-9]+)\.", (tmp_path / "kernels.ptx").read_text(), re.MULTILINE)
    assert {"mul", "add"} <= set(operations)
    assert "fma" not in operations
    assert not re.findall(r"\bmad\.\S*f(?:32|64)", (tmp_path / "kernels.ptx").read_text())


def test_modules_without_kernels_are_refused(tmp_path: Path) -> None:
    (without,) = (BUILD / "python" / "relievo").glob("_store.cpython-311-*.so")
    with pytest.raises(ValueError, match=r"has no CUDA kernels: there was no nvcc when it was built"):
        kernels.require_kernels(without)
    (good,) = (BUILD / "python" / "relievo").glob("_native.cpython-311-*.so")
    kernels.require_kernels(good)
    code = bytearray(good.read_bytes())
    of_sm_86 = code.index((86).to_bytes(4, "little"), code.index((0xBA55ED50).to_bytes(4, "little")))
    code[of_sm_86 : of_sm_86 + 4] = (87).to_bytes(4, "little")
    (tmp_path / "other.so").write_bytes(code)
    with pytest.raises(ValueError, match=r"has kernels for .*sm_87.* and not for .*sm_86"):
        kernels.require_kernels(tmp_path / "other.so")


@pytest.mark.parametrize(
    "command", [["pack.py", "STAGE", "--release"], ["pack.py", "STAGE", "STAGE/relievo.zip", "--release"]]
)
def test_neither_a_wheel_nor_a_zip_is_made_of_a_module_without_kernels(command: list[str], tmp_path: Path) -> None:
    (without,) = (BUILD / "python" / "relievo").glob("_store.cpython-311-*.so")
    (tmp_path / "relievo").mkdir()
    (tmp_path / "relievo" / "_native.cpython-311-x86_64-linux-gnu.so").write_bytes(without.read_bytes())
    words = [word.replace("STAGE", str(tmp_path)) for word in command]
    ended = subprocess.run([sys.executable, ROOT / "packaging" / words[0], *words[1:]], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.startswith("pack: _native.cpython-311-x86_64-linux-gnu.so has no CUDA kernels")
    assert [file.name for file in tmp_path.iterdir()] == ["relievo"]


@pytest.mark.parametrize("present", [True, False])
def test_configuration_says_at_its_end_whether_there_are_kernels(present: bool, tmp_path: Path) -> None:
    words = ["cmake", "-S", str(ROOT), "-B", str(tmp_path), "-G", "Ninja"]
    words += [] if present else ["-DRELIEVO_NVCC="]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    ended = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stderr.split())
    if present:
        assert "nvcc" not in said
        assert re.search(r"CUDA kernels for 75-real;.*/\.venv/nvcc/.*\n-- Configuring done", ended.stdout)
    else:
        assert "There is no nvcc, so this build has no CUDA kernels" in said

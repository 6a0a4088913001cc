"""LibTorch is found, refused or asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import relievo
from relievo import _runtime

PACKAGE = Path(relievo.__file__).parent


def import_relievo(**environment: str) -> subprocess.CompletedProcess[str]:
    code = "import relievo; print(open('/proc/self/maps').read())"
    path = {"PYTHONPATH": str(PACKAGE.parent)}
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **path, **environment}, capture_output=True, text=True
    )


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A runtime in one folder."""
    for library in _runtime.find_libraries():
        (tmp_path / library.name).symlink_to(library)
    return tmp_path


def test_torch_package_is_found() -> None:
    assert _runtime.find_libraries()[-1].parts[-3:] == ("torch", "lib", "libtorch_cpu.so")


def test_process_has_one_openmp() -> None:
    maps = import_relievo().stdout
    assert len({line.split()[-1] for line in maps.splitlines() if "libgomp" in line}) == 1


def test_named_folder_comes_first(flat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEVO_RUNTIME_DIR", str(flat))
    assert _runtime.find_libraries() == [flat / name for name in _runtime.LIBRARIES]


def test_named_folder_works(flat: Path) -> None:
    ended = import_relievo(RELIEVO_RUNTIME_DIR=str(flat))
    assert ended.returncode == 0, ended.stderr


def test_named_folder_without_libtorch_is_an_error_with_a_hint(tmp_path: Path) -> None:
    ended = import_relievo(RELIEVO_RUNTIME_DIR=str(tmp_path))
    assert "relievo._errors.IoError" in ended.stderr
    assert str(tmp_path) in ended.stderr
    assert "pip install torch" in ended.stderr


@pytest.mark.parametrize("name", ["libgomp.so.1", "libcudart.so.13"])
def test_missing_library_is_named(flat: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (flat / name).unlink()
    monkeypatch.setenv("RELIEVO_RUNTIME_DIR", str(flat))
    with pytest.raises(relievo.IoError, match=name):
        _runtime.find_libraries()


def test_no_libtorch_at_all_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(relievo.IoError, match="not found") as caught:
        _runtime.find_libraries()
    assert "pip install torch" in caught.value.hint


def test_library_that_cannot_be_opened_is_an_error_with_a_hint(flat: Path) -> None:
    (flat / "libc10.so").unlink()
    (flat / "libc10.so").write_text("no library")
    ended = import_relievo(RELIEVO_RUNTIME_DIR=str(flat))
    assert "relievo._errors.IoError" in ended.stderr
    assert "libc10.so" in ended.stderr


def test_environment_is_as_before() -> None:
    code = "import os; before = dict(os.environ); import relievo; assert dict(os.environ) == before"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_loaded_libtorch_is_seen() -> None:
    loaded = _runtime.loaded_files()
    assert [file.resolve() for file in loaded if file.name == "libtorch_cpu.so"] == [
        _runtime.find_libraries()[-1].resolve()
    ]


def test_other_libtorch_in_the_process_is_refused(tmp_path: Path) -> None:
    other = Path("/opt/another add-on/libtorch_cpu.so")
    with pytest.raises(relievo.IoError, match="another add-on") as caught:
        _runtime.refuse_other_torch(tmp_path / "libtorch_cpu.so", [Path("/lib/libc.so.6"), other])
    assert "restart Blender" in caught.value.hint


def test_same_libtorch_by_another_path_is_welcome(flat: Path) -> None:
    ours = flat / "libtorch_cpu.so"
    _runtime.refuse_other_torch(ours, [ours.resolve(), Path("/usr/lib/libother.so")])


# What every class of pybind11 has beyond its members: a metaclass, an __init__ that refuses, a mark of its own.
ALLOWED = r"""
relievo\._native\.[A-Z]\w+
relievo\._native\.[A-Z]\w+\.__init__
relievo\._native\.[A-Z]\w+\.__pybind11_module_local\w+
"""


def test_stubs_are_complete(tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text(ALLOWED)
    command = [sys.executable, "-m", "mypy.stubtest", "relievo._native", "--ignore-disjoint-bases"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "MYPYPATH": str(PACKAGE.parent)}
    ended = subprocess.run(
        [*command, "--allowlist", tmp_path / "allowed"], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr

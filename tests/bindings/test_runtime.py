"""LibTorch is found, refused or asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import relievo
from relievo import _runtime, _torch_version
from relievo._torch_version import TORCH_VERSION, version_of

PACKAGE = Path(relievo.__file__).parent


def import_relievo(**environment: str) -> subprocess.CompletedProcess[str]:
    code = "import relievo; relievo.load(); print(open('/proc/self/maps').read())"
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
    code = "import os; before = dict(os.environ); import relievo; relievo.load(); assert dict(os.environ) == before"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment["PYTHONPATH"] = str(PACKAGE.parent)
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_loaded_libtorch_is_seen() -> None:
    relievo.load()
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


def torch_in(folder: Path, version: str) -> Path:
    """Makes a torch package as pip lays it out, with a library that cannot be opened."""
    (folder / "torch" / "lib").mkdir(parents=True)
    (folder / "torch" / "version.py").write_text(f"from typing import Optional\n__version__ = '{version}'\n")
    for name in _runtime.LIBRARIES:
        (folder / "torch" / "lib" / name).write_text("no library")
    return folder / "torch" / "lib"


def test_named_libtorch_of_another_version_is_refused_unopened(tmp_path: Path) -> None:
    folder = torch_in(tmp_path, "2.7.1+cu126")
    ended = import_relievo(RELIEVO_RUNTIME_DIR=str(folder))
    assert "relievo._errors.IoError" in ended.stderr
    assert f"LibTorch in '{folder}' has version 2.7.1, and Relievo needs {TORCH_VERSION}" in ended.stderr
    assert "cannot be loaded" not in ended.stderr


def test_libtorch_of_another_version_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, same = torch_in(tmp_path / "other", "2.10.0"), torch_in(tmp_path / "same", TORCH_VERSION)
    monkeypatch.setattr(_runtime, "_candidates", lambda: iter([other, same]))
    assert _runtime.find_libraries()[0].parent == same
    monkeypatch.setattr(_runtime, "_candidates", lambda: iter([other]))
    with pytest.raises(relievo.IoError) as caught:
        _runtime.find_libraries()
    assert f"Version 2.10.0 in '{other}' was passed over: Relievo needs {TORCH_VERSION}" in str(caught.value)


def test_loaded_libtorch_of_another_version_is_told_with_both_versions(tmp_path: Path) -> None:
    other = torch_in(tmp_path, "2.9.0") / _runtime.TORCH
    with pytest.raises(relievo.IoError) as caught:
        _runtime.refuse_other_torch(tmp_path / "ours" / _runtime.TORCH, [other])
    assert f"version 2.9.0, where Relievo needs {TORCH_VERSION}" in str(caught.value)


@pytest.mark.parametrize(("file", "text"), [("build-version", "2.8.0+cpu\n"), (_runtime.TORCH, None)])
def test_version_is_told_by_files_beside_it_or_by_the_library_itself(
    tmp_path: Path, file: str, text: str | None
) -> None:
    library = tmp_path / _runtime.TORCH
    library.write_bytes(bytes(5000) + b"\0GraphEncoder\x002.8.0\0Custom opset domain: '\0" + bytes(5000))
    if text is not None:
        library.write_bytes(b"of no version")
        (tmp_path / file).write_text(text)
    assert version_of(library) == "2.8.0"


def test_real_libtorch_tells_its_version_without_the_files_beside_it() -> None:
    assert _torch_version._in_library(_runtime.find_libraries()[-1], 0, 0) == TORCH_VERSION


def test_version_stands_where_it_is_installed_from() -> None:
    root = Path(__file__).resolve().parents[2]
    pinned = f"torch=={TORCH_VERSION}"
    for file in ("packaging/runtime-cpu.txt", "packaging/runtime-cuda.txt", "pyproject.toml"):
        assert pinned in (root / file).read_text()
    assert json.loads((root / "addon" / "runtimes.json").read_text())["torch"] == TORCH_VERSION


def test_store_is_there_without_libtorch(tmp_path: Path) -> None:
    """The store is needed without LibTorch, because it fetches it."""
    code = "from relievo import _store; import relievo; print(_store.catalogue()[0].name, relievo.is_loaded())"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "RELIEVO_RUNTIME_DIR": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ended.stdout == "preview False\n", ended.stderr


def test_names_of_the_package_are_all_there() -> None:
    assert set(relievo.__all__) <= set(dir(relievo))
    assert all(getattr(relievo, name) is not None for name in relievo.__all__)
    assert relievo.__version__ == relievo._native.version()
    with pytest.raises(AttributeError, match="no_such"):
        _ = relievo.no_such


# Every class of pybind11 has these beyond its members: a metaclass, an __init__ that refuses, a mark of its own.
ALLOWED = r"""
relievo\._(native|store)\.[A-Z]\w+
relievo\._(native|store)\.[A-Z]\w+\.__init__
relievo\._(native|store)\.[A-Z]\w+\.__pybind11_module_local\w+
relievo\._store\.(Listener|Transport)
"""


@pytest.mark.parametrize("module", ["relievo._native", "relievo._store"])
def test_stubs_are_complete(tmp_path: Path, module: str) -> None:
    (tmp_path / "allowed").write_text(ALLOWED)
    command = [sys.executable, "-m", "mypy.stubtest", module, "--ignore-disjoint-bases", "--ignore-unused-allowlist"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "MYPYPATH": str(PACKAGE.parent)}
    ended = subprocess.run(
        [*command, "--allowlist", tmp_path / "allowed"], env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr

"""Getting LibTorch: downloads that are checked and go on where they stopped, zips, folders; the set-up in Blender."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from extension_source import ROOT, imported
from in_blender import facts_of
from relievo import _runtime
from relievo._torch_version import TORCH_VERSION
from wheel_server import WheelServer, write_wheel

LIBRARIES = {name: name.encode() * 1000 for name in _runtime.LIBRARIES}
INSTALLED = {**LIBRARIES, "build-version": f"{TORCH_VERSION}\n".encode()}
TORCH, CUDA = "torch-2.11.0-cp311.whl", "nvidia_cuda_runtime-13.whl"


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with imported(tmp_path_factory.mktemp("setup"), "setup_runtime") as module:
        yield module


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WheelServer]:
    folder = tmp_path / "server"
    folder.mkdir()
    in_torch = {f"torch/lib/{name}": content for name, content in LIBRARIES.items() if "cu" not in name}
    in_torch["torch/version.py"] = f"__version__ = '{TORCH_VERSION}+cpu'".encode()
    write_wheel(folder / TORCH, {**in_torch, "torch/lib/libtorch_python.so": b"no", "torch/__init__.py": b"no"})
    in_cuda = {f"nvidia/cu13/lib/{name}": LIBRARIES[name] for name in LIBRARIES if "cu" in name}
    write_wheel(folder / CUDA, in_cuda)
    serving = WheelServer(folder)
    yield serving
    serving.close()


def runtime_of(setup: Any, server: WheelServer, **changes: Any) -> Any:
    wheels = [{**server.facts(name), **(changes if name == TORCH else {})} for name in (TORCH, CUDA)]
    libraries = tuple(_runtime.LIBRARIES)
    return setup.Runtime("cpu", "CPU Runtime", "", libraries, tuple(setup.Wheel(**wheel) for wheel in wheels))


def ended(installation: Any) -> Any:
    """The failure of an installation."""
    assert installation.wait(60)
    return installation.failure


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_installs_the_named_libraries_only(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    runtime = runtime_of(setup, server)
    installation = setup.install_online(runtime, tmp_path / "user" / "runtime")
    assert ended(installation) is None
    assert contents(tmp_path / "user" / "runtime") == INSTALLED
    assert installation.fraction == 1
    assert [file.name for file in (tmp_path / "user").iterdir()] == ["runtime"]  # downloads are gone


def test_wrong_checksum_is_refused_and_nothing_changes(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    folder = tmp_path / "user" / "runtime"
    folder.mkdir(parents=True)
    (folder / "old").write_text("keep me")
    failure = ended(setup.install_online(runtime_of(setup, server, sha256="0" * 64), folder))
    assert (failure.code, failure.exit_status) == ("io", 3)
    assert TORCH in failure.message and "SHA-256" in failure.message and failure.hint
    assert [file.name for file in folder.iterdir()] == ["old"]
    assert not list(tmp_path.glob("user/downloads/*"))


def test_file_that_is_longer_than_told_is_refused(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    size = server.facts(TORCH)["bytes"]
    failure = ended(setup.install_online(runtime_of(setup, server, bytes=size - 1), tmp_path / "u" / "runtime"))
    assert f"{size} bytes instead of {size - 1}" in failure.message
    assert not (tmp_path / "u" / "runtime").exists()


def test_download_that_was_cut_off_goes_on(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    folder = tmp_path / "user" / "runtime"
    server.cut_after, server.answers_left = 5000, 1
    failure = ended(setup.install_online(runtime_of(setup, server), folder))
    assert failure.code == "io" and "kept" in failure.hint
    server.cut_after = server.answers_left = None
    assert ended(setup.install_online(runtime_of(setup, server), folder)) is None
    assert server.ranges == [None, "bytes=5000-", None]
    assert contents(folder) == INSTALLED


def test_server_without_ranges_begins_anew(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    folder = tmp_path / "user" / "runtime"
    server.cut_after, server.answers_left = 5000, 1
    assert ended(setup.install_online(runtime_of(setup, server), folder)) is not None
    server.cut_after = server.answers_left = None
    server.knows_ranges = False
    assert ended(setup.install_online(runtime_of(setup, server), folder)) is None
    assert contents(folder) == INSTALLED


def test_cancel_ends_it_and_keeps_what_is_there(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    (server.folder / TORCH).write_bytes(bytes(20 << 20))
    server.seconds_a_chunk = 0.05
    installation = setup.install_online(runtime_of(setup, server), tmp_path / "user" / "runtime")
    while installation.done < 1 << 20:
        assert not installation.wait(0.01)
    installation.cancel()
    installation.cancel()
    assert ended(installation).code == "cancelled"
    assert (tmp_path / "user" / "downloads" / f"{TORCH}.part").stat().st_size >= 1 << 20
    assert not (tmp_path / "user" / "runtime").exists()


def test_server_that_is_not_there_is_an_error_with_a_hint(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    runtime = runtime_of(setup, server)
    server.close()
    failure = ended(setup.install_online(runtime, tmp_path / "user" / "runtime"))
    assert TORCH in failure.message and "connection" in failure.hint


def test_missing_file_on_the_server_is_named(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    runtime = runtime_of(setup, server)
    (server.folder / CUDA).unlink()
    failure = ended(setup.install_online(runtime, tmp_path / "user" / "runtime"))
    assert CUDA in failure.message and "404" not in failure.hint


def test_offline_zip_is_unpacked(setup: Any, tmp_path: Path) -> None:
    write_wheel(tmp_path / "offline.zip", {f"runtime/{name}": content for name, content in LIBRARIES.items()})
    with zipfile.ZipFile(tmp_path / "offline.zip", "a") as archive:
        for name in (
            *("__init__.py", "blender_manifest.toml", "relievo/__init__.py", "relievo/models/u2netp.safetensors"),
            *(f"relievo/_native.cpython-{version}-x86_64-linux-gnu.so" for version in (311, 313)),
            *("relievo/libs/libjpeg-relievo-dad87949.so.62", "relievo/libs/libz-relievo-7e2a72b4.so.1"),
        ):
            archive.writestr(name, "not of LibTorch")
    runtime = setup.runtimes()["cuda"]
    assert ended(setup.install_zip(tmp_path / "offline.zip", runtime, tmp_path / "u" / "runtime")) is None
    assert contents(tmp_path / "u" / "runtime") == LIBRARIES


def test_wheel_gives_nothing_that_is_for_python_or_for_clusters(setup: Any, tmp_path: Path) -> None:
    of_cuda = ("libtorch_cuda.so", "libtorch_cuda_linalg.so", "libcudnn_ops.so.9", "libcublasLt.so.13", "libnccl.so.2")
    wanted = {**LIBRARIES, **{name: name.encode() for name in of_cuda}}
    others = ["torch/lib/libtorch_python.so", "torch/lib/libshm.so", "torch/_C.cpython-311-x86_64-linux-gnu.so"]
    others += ["nvidia/nvshmem/lib/nvshmem_transport_ucx.so.3", "nvidia/cu13/lib/libcufile_rdma.so.1"]
    others += ["nvidia/cu13/lib/libcusolverMg.so.12"]
    members = {f"torch/lib/{name}": content for name, content in wanted.items()}
    write_wheel(tmp_path / "torch.whl", {**members, **dict.fromkeys((*others, "functorch/_C.so"), b"no")})
    runtime = setup.runtimes()["cuda"]
    assert ended(setup.install_zip(tmp_path / "torch.whl", runtime, tmp_path / "u" / "runtime")) is None
    assert contents(tmp_path / "u" / "runtime") == wanted


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
@pytest.mark.parametrize("name", ["none.zip", "text.zip", "c10_only.zip", "torch_only.zip"])
def test_zip_without_libtorch_is_refused(setup: Any, tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    write_wheel(tmp_path / "c10_only.zip", {"libc10.so": b"c10"})
    write_wheel(tmp_path / "torch_only.zip", {"libtorch_cpu.so": b"without what it needs"})
    failure = ended(setup.install_zip(tmp_path / name, setup.runtimes()[kind], tmp_path / "u" / "runtime"))
    assert name in failure.message and failure.hint
    assert not list(tmp_path.glob("u/*"))


@pytest.mark.parametrize("below", ["", "runtime", "torch/lib", "lib", "a/b/c"])
def test_libtorch_is_found_below_a_folder(setup: Any, tmp_path: Path, below: str) -> None:
    place = tmp_path / below
    place.mkdir(parents=True, exist_ok=True)
    (place / "libtorch_cpu.so").touch()
    assert setup.find_in_folder(tmp_path, setup.runtimes()["cpu"]) == place


def test_zip_with_another_version_is_refused_with_both_versions(setup: Any, tmp_path: Path) -> None:
    members = {f"torch/lib/{name}": content for name, content in LIBRARIES.items()}
    write_wheel(tmp_path / "torch.whl", {**members, "torch/version.py": b"__version__ = '2.7.1+cu126'"})
    failure = ended(setup.install_zip(tmp_path / "torch.whl", setup.runtimes()["cpu"], tmp_path / "u" / "runtime"))
    assert f"'torch.whl' has version 2.7.1, and Relievo needs {TORCH_VERSION}" in failure.message
    assert not list(tmp_path.glob("u/*"))


def test_folder_with_another_version_is_refused_with_both_versions(setup: Any, tmp_path: Path) -> None:
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    (tmp_path / "torch" / "lib" / "libtorch_cpu.so").touch()
    (tmp_path / "torch" / "version.py").write_text("__version__ = '2.9.0'")
    with pytest.raises(setup.SetupError, match=rf"has version 2\.9\.0, and Relievo needs {TORCH_VERSION}"):
        setup.find_in_folder(tmp_path, setup.runtimes()["cpu"])


def test_two_blenders_do_not_install_at_once(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    with setup.exclusive(tmp_path / "user"):
        failure = ended(setup.install_online(runtime_of(setup, server), tmp_path / "user" / "runtime"))
        assert f"is in use by process {os.getpid()} on " in failure.message
        assert server.requests == []
    assert ended(setup.install_online(runtime_of(setup, server), tmp_path / "user" / "runtime")) is None


def test_space_is_looked_for_before_anything_is_fetched(setup: Any, server: WheelServer, tmp_path: Path) -> None:
    runtime = dataclasses.replace(runtime_of(setup, server), installed_bytes=10**15)
    failure = ended(setup.install_online(runtime, tmp_path / "user" / "runtime"))
    assert "1000000.00 GB more" in failure.message
    assert server.requests == []


def test_folder_without_libtorch_is_refused(setup: Any, tmp_path: Path) -> None:
    with pytest.raises(setup.SetupError, match="no LibTorch"):
        setup.find_in_folder(tmp_path, setup.runtimes()["cpu"])


def test_addresses_are_public_and_of_the_versions_that_are_built_with() -> None:
    facts = json.loads((ROOT / "addon" / "runtimes.json").read_text())
    locked = re.findall(r"^([\w-]+)==([\d.]+)", (ROOT / "packaging" / "runtime-cpu.txt").read_text(), re.MULTILINE)
    cpu = facts["runtimes"]["cpu"]
    assert set(cpu["libraries"]) == set(_runtime.LIBRARIES)
    names = [wheel["url"].rpartition("/")[2] for wheel in cpu["wheels"]]
    assert sorted(f"{name.replace('-', '_')}-{version}" for name, version in locked) == sorted(
        "-".join(name.split("-")[:2]) for name in names
    )
    for runtime in facts["runtimes"].values():
        for wheel in runtime["wheels"]:
            assert re.fullmatch(
                r"https://files\.pythonhosted\.org/packages/[\da-f]{2}/[\da-f]{2}/.+\.whl", wheel["url"]
            )
            assert len(wheel["sha256"]) == 64 and wheel["bytes"] > 0


# Inside Blender.


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("first_start")
    (folder / "server").mkdir()
    libraries = {f"torch/lib/{library.name}": library for library in _runtime.find_libraries()}
    write_wheel(folder / "server" / TORCH, libraries)
    server = WheelServer(folder / "server")
    (folder / "wheels.json").write_text(json.dumps([server.facts(TORCH)]))
    of_cuda = {f"torch/lib/{name}": content for name, content in LIBRARIES.items()}
    write_wheel(folder / "server" / CUDA, {**of_cuda, "torch/lib/libtorch_cuda.so": b"cuda"})
    (folder / "cuda_wheels.json").write_text(json.dumps([server.facts(CUDA)]))
    server.seconds_a_chunk = 0.005
    yield facts_of("setup", folder)
    server.close()


def test_panel_says_what_is_missing_and_what_it_weighs(first_start: dict[str, Any]) -> None:
    text = " ".join(first_start["panel"])
    assert "One-Time Setup" in text
    assert "Install for Any Computer (544 MB)" in text
    assert "Install for NVIDIA GPU (2.5 GB)" in text
    assert "Install from File..." in text and "Use Existing LibTorch..." in text


def test_nothing_is_fetched_while_blender_is_offline(first_start: dict[str, Any]) -> None:
    assert first_start["online"] is False
    assert "may not go online" in first_start["offline"]
    assert "Allow Online Access" in first_start["panel"]


def test_failure_for_want_of_libtorch_leads_to_the_setup(first_start: dict[str, Any]) -> None:
    assert "LibTorch was not found" in first_start["generate"]
    mend, panel = first_start["mend"]
    assert mend == "setup"
    assert "Open Setup" in panel


def test_zip_and_folder_without_libtorch_are_refused(first_start: dict[str, Any]) -> None:
    assert "cannot be read as a zip" in first_start["bad_zip"]
    assert "no LibTorch" in first_start["bad_folder"]


def test_installation_is_shown_and_can_be_cancelled(first_start: dict[str, Any]) -> None:
    assert first_start["online_now"] is True
    assert any(text.startswith(("Fetching torch", "Starting")) for text in first_start["installing"])
    assert first_start["cancelled"] == [None, True]


def test_installed_libtorch_works_at_once(first_start: dict[str, Any]) -> None:
    assert first_start["install"] == "['FINISHED']"
    assert first_start["libraries"] == sorted([*_runtime.LIBRARIES, "build-version"])
    assert "downloads" not in first_start["left"]
    assert first_start["missing"] is None
    assert first_start["generated"] == "['FINISHED']"
    assert first_start["loaded_from_there"]


def test_other_runtime_can_be_had_and_takes_effect_after_a_restart(first_start: dict[str, Any]) -> None:
    before = first_start["preferences"]
    assert {"Compute engine: for Any Computer", "Remove", "Install for NVIDIA GPU (2.5 GB)"} <= set(before)
    assert not [text for text in before if text.startswith("Install for Any") or "restart Blender" in text]
    assert first_start["other_runtime"] == ["['FINISHED']", ""]
    assert first_start["other_libraries"] == sorted([*_runtime.LIBRARIES, "libtorch_cuda.so"])
    then = first_start["preferences_then"]
    assert {"Compute engine: for NVIDIA GPU", "Remove"} <= set(then)
    assert any(text.startswith("Install for Any Computer") for text in then)
    assert not any(text.startswith("Install for NVIDIA GPU") for text in then)
    assert "restart Blender" in " ".join(then)


def test_runtime_can_be_removed(first_start: dict[str, Any]) -> None:
    assert first_start["remove"] == ["['FINISHED']", False]
    at_last = first_start["preferences_at_last"]
    assert "Remove" not in at_last
    assert {text.partition(" (")[0] for text in at_last} >= {"Install for Any Computer", "Install for NVIDIA GPU"}


def test_folder_with_libtorch_is_used(first_start: dict[str, Any]) -> None:
    answer, folder = first_start["folder"]
    assert answer == "['FINISHED']"
    assert folder.endswith("/own/lib")


def test_button_shows_where_online_access_is_allowed(first_start: dict[str, Any]) -> None:
    assert first_start["allow_online"] == ["['FINISHED']", "SYSTEM"]


@pytest.fixture(scope="module")
def clash(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("clash", tmp_path_factory.mktemp("clash"))


def test_libtorch_of_another_addon_is_told_with_what_mends_it(clash: dict[str, Any]) -> None:
    seen = clash["other"]
    assert f"Another LibTorch is already loaded from '{clash['other_folder']}'" in seen["message"]
    assert "Disable the add-on" in seen["message"]
    assert "already loaded" in " ".join(seen["panel"])
    assert seen["mend"] == "addons"
    assert "Open Add-ons" in seen["panel"] and "Open Setup" not in seen["panel"]
    assert clash["open_addons"] == [["FINISHED"], "ADDONS"]


@pytest.mark.parametrize("which", ["broken", "other"])
def test_setup_does_not_call_a_libtorch_good_that_cannot_be_loaded(clash: dict[str, Any], which: str) -> None:
    page = clash[which]["setup"]
    assert not any(text.startswith("Compute engine:") for text in page)
    assert "The compute engine cannot be started" in page
    assert any(text.startswith("Install for Any Computer") for text in page)


def test_libtorch_that_cannot_be_loaded_leads_to_the_setup(clash: dict[str, Any]) -> None:
    assert clash["broken"]["mend"] == "setup"
    assert "cannot be loaded" in clash["broken"]["message"]
    assert "Open Setup" in clash["broken"]["panel"]

"""The command that the wheel installs: the program's own command line, out of the native module."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import model_shop
import processes
import pytest
from model_shop import Shop, fetched
from processes import BUILD, PROGRAM, ROOT, listens, start, wait_for
from test_fetching import test_certificates_of_ones_own_are_trusted_and_others_are_not as certificates_are_checked

shop = model_shop.shop

PICTURE = ROOT / "tests" / "data" / "pictures" / "chicken.jpg"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Writes the command as pip does for the wheel's entry point, with the package of the build."""
    path = tmp_path / "bin" / "relievo"
    path.parent.mkdir()
    path.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(BUILD / 'python')!r})\n"
        "from relievo._command import main\nsys.exit(main())\n"
    )
    path.chmod(0o755)
    monkeypatch.setattr(processes, "PROGRAM", path)  # which start() starts
    return path


def run(program: Path, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program, *words], capture_output=True, timeout=300, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words",
    [
        ("--version",),
        ("--help",),
        ("generate", "--help"),
        ("models", "list", "--json"),
        ("plan", "--devices", "2x24GiB,cpu", "--images", "3", "--model", "instant-mesh-large"),
        ("generate", "none.png", "-o", "nowhere", "--json"),
        ("golden", "nowhere"),
        ("generate",),
        ("no-command",),
    ],
)
def test_says_what_the_program_says(command: Path, words: tuple[str, ...]) -> None:
    ours, programs = run(command, *words), run(PROGRAM, *words)
    assert (ours.returncode, ours.stderr) == (programs.returncode, programs.stderr)
    # Other programs take and free room on the disk meanwhile.
    assert re.sub(rb'"bytes_free":\d+', b"", ours.stdout) == re.sub(rb'"bytes_free":\d+', b"", programs.stdout)
    assert ours.stdout + ours.stderr


def test_makes_the_program_s_mesh(command: Path, tmp_path: Path) -> None:
    words = ("generate", PICTURE, "--grid", "32", "--texture-size", "128", "--format", "ply", "--no-sheet", "-o")
    meshes = []
    for program in (command, PROGRAM):
        folder = tmp_path / program.parent.name
        assert run(program, *words, folder).returncode == 0
        meshes.append(next(folder.rglob("*.ply")).read_bytes())
    assert meshes[0] == meshes[1]


def test_ctrl_c_cancels_and_is_the_exit_status(command: Path, tmp_path: Path) -> None:
    process = start("generate", PICTURE, "--grid", "320", "-o", tmp_path / "out")
    wait_for(lambda: listens(process, signal.SIGTERM), process)  # Python has no handler of its own for that
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not list((tmp_path / "out").glob("**/*.glb"))


def test_fetches_models_by_python(command: Path, shop: Shop) -> None:
    shop.serve()
    fetched(shop)
    assert [request.path for request in shop.server.requests] == ["/toy.ckpt"]


def test_trusts_the_given_certificates_alone(command: Path, shop: Shop, tmp_path: Path) -> None:
    certificates_are_checked(shop, tmp_path)


def test_says_that_libtorch_is_missing(command: Path, tmp_path: Path) -> None:
    environment = os.environ | {"RELIEVO_RUNTIME_DIR": str(tmp_path)}
    ended = subprocess.run([command, "devices"], capture_output=True, text=True, env=environment)
    assert ended.returncode == 3 and ended.stdout == ""
    assert ended.stderr.startswith(
        f"relievo: RELIEVO_RUNTIME_DIR names '{tmp_path}', where there is no libtorch_cpu.so.\n  "
    )


def test_json_is_the_only_thing_on_standard_output(command: Path) -> None:
    ended = run(command, "devices", "--json")
    assert json.loads(ended.stdout)["cpu"]["threads"] >= 1

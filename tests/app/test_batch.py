"""`relievo batch`: folders, manifests, and going on after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from processes import PROGRAM
from test_cli import disc, relievo

QUICK = ["--grid", "24", "--texture-size", "64", "--no-sheet", "--json"]


def folder_of(tmp_path: Path, pictures: int) -> Path:
    source = tmp_path / "in"
    source.mkdir()
    for i in range(pictures):
        (source / f"{i}.PNG").write_bytes(disc())
    (source / "notes.txt").write_text("no picture")
    return source


def batch(source: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return relievo("batch", source, "-o", output, *QUICK, *more)


def answers(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_folder_is_made_once_and_what_failed_again(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 2), tmp_path / "out"
    (source / "bad.jpg").write_text("this is no picture\n" * 20)
    first, second = batch(source, out), batch(source, out)
    assert (first.returncode, second.returncode) == (5, 5)
    assert [answer["ok"] for answer in answers(first)] == [True, True, False]
    assert "2 made, 0 already there, 1 failed" in first.stderr
    assert answers(second)[:2] == [{**answer, "skipped": True} for answer in answers(first)[:2]]
    assert "0 made, 2 already there, 1 failed" in second.stderr
    assert sorted(file.name for file in out.iterdir()) == ["0.glb", "1.glb", "relievo-batch.json"]


@pytest.mark.parametrize("change", ["settings", "formats", "picture", "file", "state", "again"])
def test_what_has_changed_is_made_anew(tmp_path: Path, change: str) -> None:
    source, out = folder_of(tmp_path, 2), tmp_path / "out"
    assert batch(source, out).returncode == 0
    words = {"settings": ["--depth", "0.5"], "formats": ["--format", "glb,ply"], "again": ["--again"]}.get(change, [])
    made = 1 if change in ("picture", "file") else 2
    if change == "picture":
        (source / "0.PNG").write_bytes(disc(64))
    elif change == "file":
        (out / "0.glb").unlink()
    elif change == "state":
        (out / "relievo-batch.json").write_text("{")
    ended = batch(source, out, *words)
    assert f"{made} made, {2 - made} already there, 0 failed" in ended.stderr


def test_manifest_has_names_and_settings_of_its_own(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    entries = ["in/0.PNG", {"picture": "in/0.PNG", "name": "named", "settings": {"depth": 0.5, "mask": "in/0.PNG"}}]
    (tmp_path / "list.json").write_text(json.dumps({"settings": {"grid": 16}, "pictures": entries}))
    ended = batch(tmp_path / "list.json", tmp_path / "out")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    first, second = answers(ended)
    assert [Path(answer["files"][0]).name for answer in (first, second)] == ["0.glb", "named.glb"]
    state = json.loads((tmp_path / "out" / "relievo-batch.json").read_text())["finished"]
    settings = state["named"]["made_of"]["settings"]
    assert (settings["grid"], settings["depth"], settings["mask"]) == (16, 0.5, "file")
    assert Path(settings["mask_file"]) == tmp_path / "in" / "0.PNG"


def test_setting_that_is_out_of_range_fails_its_picture_only(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    (tmp_path / "list.json").write_text(json.dumps([{"picture": "in/0.PNG", "settings": {"grid": 3}}, "in/0.PNG"]))
    ended = batch(tmp_path / "list.json", tmp_path / "out")
    assert ended.returncode == 5
    assert [answer["ok"] for answer in answers(ended)] == [False, True]
    assert answers(ended)[0]["error"]["code"] == "invalid_settings"


@pytest.mark.parametrize(
    ("content", "status", "word"),
    [
        (None, 3, "list.json"),
        ("no json", 2, "manifest"),
        ("{}", 2, "manifest"),
        ("[]", 2, "no picture"),
        ("[3]", 2, "names no picture"),
        ('[{"picture": "a.png", "size": 3}]', 2, "size"),
        ('[{"picture": "a.png", "settings": {"fases": 3}}]', 2, "fases"),
        ('{"pictures": ["a.png"], "settings": {"grid": "many"}}', 2, "grid"),
    ],
)
def test_manifest_that_cannot_be_is_refused(tmp_path: Path, content: str | None, status: int, word: str) -> None:
    if content is not None:
        (tmp_path / "list.json").write_text(content)
    ended = batch(tmp_path / "list.json", tmp_path / "out")
    assert (ended.returncode, ended.stdout) == (status, "")
    assert word in ended.stderr


def test_results_do_not_lie_among_the_pictures(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "cup.png").write_bytes(b"not looked at")
    ended = batch(source, source)
    assert ended.returncode == 2 and "among the pictures" in ended.stderr
    assert [file.name for file in source.iterdir()] == ["cup.png"]


def test_killed_batch_goes_on_where_it_was(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 8), tmp_path / "out"
    command = [str(PROGRAM), "batch", str(source), "-o", str(out), *QUICK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as killed:
        assert killed.stdout is not None
        first = json.loads(killed.stdout.readline())
        killed.stdout.readline()  # the state of the first is written by now
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    (out / ".3.99999-0.part.glb").write_text("half")  # as a kill may leave one
    times = {file: Path(file).stat().st_mtime_ns for file in first["files"]}
    ended = batch(source, out)
    assert ended.returncode == 0, ended.stderr
    told = answers(ended)
    assert {Path(answer["picture"]).name for answer in told} == {f"{i}.PNG" for i in range(8)}
    assert {**first, "skipped": True} in told
    assert 0 < len([answer for answer in told if "skipped" in answer]) < 8
    assert times == {file: Path(file).stat().st_mtime_ns for file in times}
    assert sorted(file.name for file in out.iterdir()) == [*(f"{i}.glb" for i in range(8)), "relievo-batch.json"]

"""Records of the queue and the history: shared by processes, damaged, limited; results in files; reports."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from relievo_zip.records import Record, Records
records = Records(__import__("pathlib").Path(sys.argv[2]))
for number in range(20):
    records.put(Record(f"{sys.argv[3]} {number}", "cup.png", {}, state="made"))
"""


@pytest.fixture(scope="module")
def records(extension_package: Path) -> Any:
    return importlib.import_module("relievo_zip.records")


def test_processes_that_write_at_once_lose_nothing(extension_package: Path, records: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(extension_package), str(tmp_path)]
    running = [subprocess.Popen([*command, name]) for name in "abcd"]
    assert [process.wait(120) for process in running] == [0] * 4
    written = {record.name for record in records.Records(tmp_path).made()}
    assert written == {f"{name} {number}" for name in "abcd" for number in range(20)}


def test_record_comes_back_as_it_was(records: Any, tmp_path: Path) -> None:
    target = {"file": "shot.blend", "location": [1.0, 2.0, 3.0]}
    record = records.Record("cup ☕", "image:Cup", {"grid": 24}, options={"size": 0.5}, target=target, owner="me")
    shelf = records.Records(tmp_path)
    shelf.put(record)
    assert shelf.find(record.key) == record
    shelf.change(record.key, state="failed", failure={"code": "io"})
    found = shelf.find(record.key)
    assert (found.state, found.failure, found.target) == ("failed", {"code": "io"}, target)


def test_what_is_no_database_is_kept_aside(records: Any, tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database at all" * 100)
    shelf = records.Records(tmp_path)
    assert shelf.made() == []
    shelf.put(records.Record("cup", "cup.png", {}, state="made"))
    assert [record.name for record in shelf.made()] == ["cup"]
    assert (tmp_path / "history.damaged").read_bytes().startswith(b"no database")


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "{}", "[1, null, {}]", '[{"key": "../x", "name": 1}]'])
def test_damaged_history_of_the_first_version_is_left_out(records: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "history.json").write_text(text)
    assert records.Records(tmp_path).made() == []


def test_only_the_newest_results_are_kept(records: Any, tmp_path: Path) -> None:
    shelf = records.Records(tmp_path)
    for number in range(records.MOST + 5):
        record = records.Record(str(number), "cup.png", {}, state="made", created=float(number), result_bytes=10)
        shelf.put(record)
        for ending in records.ENDINGS:
            shelf.file(record.key, ending).write_text("x")
    shelf.trim()
    made = shelf.made()
    assert [record.name for record in made] == [str(number) for number in range(records.MOST + 4, 4, -1)]
    assert [record.result_bytes > 0 for record in made] == [True] * 20 + [False] * 30
    for ending, most in ((".result", 20), (".source", 20), (".png", 50)):
        assert len(list(tmp_path.glob(f"*{ending}"))) == most


def test_results_are_limited_by_their_size(records: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_RESULT_BYTES", 25)
    shelf = records.Records(tmp_path)
    for number in range(4):
        shelf.put(records.Record(str(number), "", {}, state="made", created=float(number), result_bytes=10))
    shelf.trim()
    assert [record.result_bytes for record in shelf.made()] == [10, 10, 0, 0]


def test_owner_is_alive_until_its_process_ends(extension_package: Path, tmp_path: Path) -> None:
    owner = importlib.import_module("relievo_zip.owner")
    code = (
        f"import sys; sys.path.insert(0, {str(extension_package)!r}); from pathlib import Path\n"
        f"from relievo_zip.owner import Owner; me = Owner(Path({str(tmp_path)!r})); print(me.name, flush=True); input()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert owner.is_alive(tmp_path, name)
        process.kill()
    assert not owner.is_alive(tmp_path, name)
    assert not owner.is_alive(tmp_path, "never")


def some_result(**changes: Any) -> Any:
    provenance = SimpleNamespace(picture="cup.png", model="preview", settings="{}", version="0.1.0")
    mesh = {
        "vertices": np.eye(3, dtype=np.float32),
        "faces": np.array([[0, 1, 2]], np.int32),
        "corner_uv": np.zeros((1, 3, 2), np.float32),
        "vertex_colours": None,
        "provenance": provenance,
        **changes,
    }
    return SimpleNamespace(
        name="cup", mesh=SimpleNamespace(**mesh), albedo_png=b"png", normal_map_png=b"", notes=["A note."]
    )


def test_result_comes_back_from_its_file(extension_package: Path, tmp_path: Path) -> None:
    stored = importlib.import_module("relievo_zip.stored_result")
    colours = np.full((3, 3), 0.5, np.float32)
    size = stored.save(some_result(vertex_colours=colours), tmp_path / "cup.result")
    assert size == (tmp_path / "cup.result").stat().st_size
    found = stored.load(tmp_path / "cup.result")
    assert (found.name, found.albedo_png, found.normal_map_png) == ("cup", b"png", b"")
    assert found.notes == ["A note."]
    assert np.array_equal(found.mesh.vertices, np.eye(3)) and np.array_equal(found.mesh.vertex_colours, colours)
    assert found.mesh.provenance.model == "preview"


def test_damaged_result_is_refused(extension_package: Path, tmp_path: Path) -> None:
    stored = importlib.import_module("relievo_zip.stored_result")
    whole = tmp_path / "cup.result"
    stored.save(some_result(), whole)
    data = whole.read_bytes()
    damaged = [b"", b"x" * 1000, data[: len(data) // 2], data[:100] + b"?" * 50 + data[150:]]
    for content in damaged:
        whole.write_bytes(content)
        with pytest.raises(stored.UnreadableResultError):
            stored.load(whole)
    stored.save(some_result(faces=np.array([[0, 1, 3]], np.int32)), whole)
    with pytest.raises(stored.UnreadableResultError):
        stored.load(whole)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Cannot read '/home/anna k/my pics/cup.png': no such file", "Cannot read '…': no such file"),
        (r"C:\Users\Anna\cup.png is too large", "… is too large"),
        ("the picture //textures/mug.png", "the picture …"),
        ("cup: anna's cup, a cupboard", "…: …'s …, a cupboard"),
        ("peak 224.0 MiB of 15.93 GiB, 3 GB/s", "peak 224.0 MiB of 15.93 GiB, 3 GB/s"),
    ],
)
def test_report_names_no_path_and_no_person(extension_package: Path, text: str, cleaned: str) -> None:
    report = importlib.import_module("relievo_zip.report")
    assert report.clean(text, ["cup", "anna"]) == cleaned


def test_machine_settings_are_read_as_far_as_they_can_be(extension_package: Path, tmp_path: Path) -> None:
    machine = importlib.import_module("relievo_zip.machine")
    file = tmp_path / "machine.json"
    assert machine.load(file) == machine.Machine()
    machine.save(machine.Machine(threads=3, devices="cpu*2"), file)
    assert machine.load(file) == machine.Machine(threads=3, devices="cpu*2")
    file.write_text(json.dumps({"threads": "many", "policy": "memory", "unknown": 1}))
    assert machine.load(file) == machine.Machine(policy="memory")
    file.write_text("[" * 100_000)
    assert machine.load(file) == machine.Machine()

"""JSON of any origin that nests too deeply: never a crash, and the work is done where the document is not its object.

RELIEVO_NESTED_ROUNDS adds documents that nest in random ways (`make fuzz`: 200).
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from processes import PROGRAM
from test_batch import JOURNAL
from test_cli import disc

ROUNDS = int(os.environ.get("RELIEVO_NESTED_ROUNDS", "2"))
DEPTH = 200_000
LIST = "[" * DEPTH + "]" * DEPTH
OBJECT = '{"a":' * DEPTH + "1" + "}" * DEPTH
QUICK = ["--mask", "alpha", "--grid", "8", "--texture-size", "64", "--no-sheet"]


def nested() -> Iterator[str]:
    chance = random.Random(5)
    for _ in range(ROUNDS):
        opened = [chance.choice(('{"a":', '[1,"x",', '{"b":2,"c":')) for _ in range(chance.choice((33, 500, 100_000)))]
        closed = ["}" if piece[0] == "{" else "]" for piece in reversed(opened)]
        yield "".join(opened) + "1" + "".join(closed[: chance.choice((0, len(closed)))])


DOCUMENTS = [LIST, OBJECT, *nested()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.png").write_bytes(disc(64))
    return tmp_path


def run(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    fixed = {"RELIEVO_MODELS": str(place / "models"), "XDG_CACHE_HOME": str(place / "cache")}
    command = [str(PROGRAM), *words]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | fixed | environment)
    assert ended.returncode in (0, 2, 3, 4), ended.stderr
    assert "fault in Relievo" not in ended.stderr
    return ended


def batch(place: Path, source: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(place, "batch", str(source), "-o", str(place / "out"), *QUICK, *words)


@pytest.mark.parametrize("around", ["{}", '{"pictures":[{}]}', '{"pictures":["in/p.png"],"settings":{}}'])
def test_manifest_is_refused(place: Path, around: str) -> None:
    for document in DOCUMENTS:
        before, after = around.split("{}", 1) if around != "{}" else ("", "")
        (place / "m.json").write_text(before + document + after)
        ended = batch(place, place / "m.json")
        assert ended.returncode == 2 and "is not a manifest: it " in ended.stderr


def test_journal_counts_as_empty(place: Path) -> None:
    for document in DOCUMENTS:
        (place / "out").mkdir(exist_ok=True)
        (place / "out" / JOURNAL).write_text(document)
        assert "1 made, 0 already there, 0 failed" in batch(place, place / "in").stderr
        with closing(sqlite3.connect(place / "out" / JOURNAL)) as journal, journal:
            journal.execute("UPDATE attempts SET answer = ?", (document,))
        assert "1 made, 0 already there, 0 failed" in batch(place, place / "in", "--json").stderr


def test_state_of_an_earlier_version_counts_as_none(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out" / "relievo-batch.json").write_text('{"finished":' + OBJECT + "}")
    assert batch(place, place / "in").returncode == 0


def test_catalogue_is_refused(place: Path) -> None:
    (place / "c.json").write_text('{"version":1,"models":[' + LIST + "]}")
    ended = run(place, "models", "list", RELIEVO_CATALOGUE=str(place / "c.json"))
    assert ended.returncode == 4 and "levels deep" in ended.stderr


def test_records_of_a_model_count_as_none(place: Path) -> None:
    model = place / "models" / "u2net"
    model.mkdir(parents=True)
    (model / "u2net.onnx").write_text("x")
    (model / "relievo-model.json").write_text('{"u2net.onnx":{"bytes":1,"sha256":"x","source":' + LIST + "}}")
    assert run(place, "models", "verify", "u2net").returncode != 0
    assert run(place, "models", "list").returncode == 0


def test_notes_of_a_download_count_as_none(place: Path) -> None:
    model = place / "models" / "u2net"
    model.mkdir(parents=True)
    (model / "u2net.onnx.part").write_text("x")
    (model / "u2net.onnx.part.json").write_text('{"url":' + LIST + "}")
    nowhere = "http://127.0.0.1:9"
    ended = run(place, "models", "fetch", "u2net", "--from", nowhere, http_proxy=nowhere, https_proxy=nowhere)
    assert ended.returncode != 0


@pytest.mark.parametrize("name", ["costs.json", "limits.json"])
def test_cache_counts_as_empty(place: Path, name: str) -> None:
    (place / "cache" / "relievo").mkdir(parents=True)
    (place / "cache" / "relievo" / name).write_text('{"a":' + LIST + "}")
    assert run(place, "generate", str(place / "in" / "p.png"), "-o", str(place / "out"), *QUICK).returncode == 0

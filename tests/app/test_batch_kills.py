"""A batch that is killed at any moment: nothing half-written, nothing left behind, nothing made twice.

RELIEVO_KILL_ROUNDS says how often (`make test-kill`: 60 times).
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from processes import PROGRAM
from test_batch import JOURNAL, answers
from test_cli import disc

ROUNDS = int(os.environ.get("RELIEVO_KILL_ROUNDS", "3"))
WORDS = ["--mask", "alpha", "--grid", "16", "--texture-size", "64", "--turntable", "3", "--format", "glb,obj", "--json"]
PICTURES = 4


def is_whole(file: Path) -> bool:
    content = file.read_bytes()
    if file.suffix == ".glb":
        return content[:4] == b"glTF" and int.from_bytes(content[8:12], "little") == len(content)
    if file.suffix == ".png":
        return content.endswith(b"IEND\xaeB`\x82")
    return len(content) > 0


def test_killed_batches_leave_nothing_half_made(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(PICTURES):
        (source / f"{i}.png").write_bytes(disc(64 + i))
    out.mkdir()
    (out / ".holiday.part.mkv").write_text("somebody's")
    command = [str(PROGRAM), "batch", str(source), "-o", str(out), *WORDS]
    begin = time.monotonic()
    assert subprocess.run([*command, "--dry-run"], capture_output=True).returncode == 0
    whole = subprocess.run(command, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    seconds = time.monotonic() - begin
    chance = random.Random(7)
    for _ in range(ROUNDS):
        with subprocess.Popen(
            [*command, "--again"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as killed:
            time.sleep(chance.uniform(0, seconds))
            killed.send_signal(signal.SIGKILL)
        named = [file for file in out.rglob("*") if file.is_file() and not file.name.startswith((".", JOURNAL))]
        assert [file for file in named if not (is_whole(file) or file.suffix == ".lock")] == []
        with contextlib.closing(sqlite3.connect(out / JOURNAL)) as journal:
            assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ended = subprocess.run(command, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert len(answers(ended)) == PICTURES
        assert f"{PICTURES} already there" in subprocess.run(command, capture_output=True, text=True).stderr
        assert [file.name for file in out.rglob(".*")] == [".holiday.part.mkv"]
        files = {file for answer in map(json.loads, ended.stdout.splitlines()) for file in answer["files"]}
        made = {str(file) for file in out.rglob("*") if file.is_file()}
        views = [f"{i}_view.js" for i in range(PICTURES)]
        of_the_batch = [JOURNAL, "relievo-metrics.csv", "relievo-metrics.jsonl", "relievo-report.html", *views]
        assert made == files | {str(out / name) for name in (".holiday.part.mkv", *of_the_batch)}

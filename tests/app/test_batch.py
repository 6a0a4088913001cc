"""`relievo batch`: folders, manifests, and going on after a kill."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from processes import PROGRAM
from test_cli import disc, relievo

JOURNAL = "relievo-batch.sqlite"
QUICK = ["--grid", "24", "--texture-size", "64", "--no-sheet", "--no-report", "--json"]


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
    assert sorted(file.name for file in out.iterdir()) == ["0.glb", "1.glb", JOURNAL]
    assert "Left out: 1 .txt file." in first.stderr


@pytest.mark.parametrize("change", ["settings", "formats", "picture", "file", "cut", "journal", "again"])
def test_what_has_changed_is_made_anew(tmp_path: Path, change: str) -> None:
    source, out = folder_of(tmp_path, 2), tmp_path / "out"
    assert batch(source, out).returncode == 0
    words = {"settings": ["--depth", "0.5"], "formats": ["--format", "glb,ply"], "again": ["--again"]}.get(change, [])
    made = 1 if change in ("picture", "file", "cut") else 2
    if change == "picture":
        (source / "0.PNG").write_bytes(disc(64))
    elif change == "file":
        (out / "0.glb").unlink()
    elif change == "cut":
        (out / "0.glb").write_bytes((out / "0.glb").read_bytes()[:-1])
    elif change == "journal":
        (out / JOURNAL).write_text("{")
    ended = batch(source, out, *words)
    assert ended.returncode == 0, ended.stderr
    assert ("is kept as" in ended.stderr) == (change == "journal")
    assert sorted(file.name for file in out.glob("*.glb")) == ["0.glb", "1.glb"]
    assert f"{made} made, {2 - made} already there, 0 failed" in ended.stderr


def test_manifest_has_names_and_settings_of_its_own(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    entries = ["in/0.PNG", {"picture": "in/0.PNG", "name": "named", "settings": {"depth": 0.5, "mask": "in/0.PNG"}}]
    (tmp_path / "list.json").write_text(json.dumps({"settings": {"grid": 16}, "pictures": entries}))
    ended = batch(tmp_path / "list.json", tmp_path / "out")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    first, second = answers(ended)
    assert [Path(answer["files"][0]).name for answer in (first, second)] == ["0.glb", "named.glb"]
    settings = settings_in(tmp_path / "out" / "named.glb")
    assert (settings["grid"], settings["depth"], settings["mask"]) == (16, 0.5, "file")


def settings_in(glb: Path) -> dict[str, Any]:
    """Returns the settings that a GLB file says it was made with."""
    content = glb.read_bytes()
    length = int.from_bytes(content[12:16], "little")
    asset = json.loads(content[20 : 20 + length])["asset"]
    settings: dict[str, Any] = json.loads(asset["extras"]["settings"])
    return settings


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
        ('{"pictures": ["a.png"], "settings": {"grid": "many"}}', 2, "grid"),
    ],
)
def test_manifest_that_cannot_be_is_refused(tmp_path: Path, content: str | None, status: int, word: str) -> None:
    if content is not None:
        (tmp_path / "list.json").write_text(content)
    ended = batch(tmp_path / "list.json", tmp_path / "out")
    assert (ended.returncode, ended.stdout) == (status, "")
    assert word in ended.stderr


def test_wrong_entry_of_a_manifest_fails_and_the_others_are_made(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    entries = [3, {"picture": "in/0.PNG", "size": 3}, {"picture": "in/0.PNG", "settings": {"fases": 3}}, "in/0.PNG"]
    (tmp_path / "list.json").write_text(json.dumps(entries))
    ended = batch(tmp_path / "list.json", tmp_path / "out")
    assert ended.returncode == 5
    *wrong, good = answers(ended)
    words = ["names no picture", "Unknown word 'size'", "Unknown setting 'fases'"]
    assert all(word in answer["error"]["message"] for word, answer in zip(words, wrong, strict=True))
    assert good["ok"] and (tmp_path / "out" / "0.glb").exists()


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
    (out / ".holiday.part.mkv").write_text("somebody's")
    times = {file: Path(file).stat().st_mtime_ns for file in first["files"]}
    ended = batch(source, out)
    assert ended.returncode == 0, ended.stderr
    told = answers(ended)
    assert {Path(answer["picture"]).name for answer in told} == {f"{i}.PNG" for i in range(8)}
    assert {**first, "skipped": True} in told
    assert 0 < len([answer for answer in told if "skipped" in answer]) < 8
    assert times == {file: Path(file).stat().st_mtime_ns for file in times}
    assert sorted(file.name for file in out.iterdir()) == [
        ".holiday.part.mkv",
        *(f"{i}.glb" for i in range(8)),
        JOURNAL,
    ]


def attempts(out: Path) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(out / JOURNAL)) as journal:
        return journal.execute("SELECT state, peak_bytes, plan, quality, error FROM attempts ORDER BY id").fetchall()


def test_journal_records_every_attempt(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    (source / "bad.jpg").write_text("this is no picture\n" * 20)
    answer = answers(batch(source, out))[0]
    made, failed = attempts(out)
    assert (made[0], failed[0]) == ("made", "failed")
    assert made[1] == max(stage["peak_bytes"] for stage in answer["stages"]) > 0
    assert made[2] == answer["plan"]
    assert json.loads(made[3])["faces"] == answer["faces"]
    assert "is not read as a picture" in failed[4]


def test_mask_that_was_repainted_is_made_anew(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    mask = tmp_path / "mask.png"
    mask.write_bytes(disc())
    (tmp_path / "list.json").write_text(json.dumps([{"picture": "in/0.PNG", "settings": {"mask": "mask.png"}}]))
    assert batch(tmp_path / "list.json", out).returncode == 0
    time = mask.stat()
    assert "0 made, 1 already there" in batch(tmp_path / "list.json", out).stderr
    mask.write_bytes(disc(80))
    os.utime(mask, ns=(time.st_atime_ns, time.st_mtime_ns))
    assert "1 made, 0 already there" in batch(tmp_path / "list.json", out).stderr
    assert source.exists()


def test_newcomer_gets_the_number(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "cup.png").write_bytes(disc())
    assert batch(source, out).returncode == 0
    before = (out / "cup.glb").read_bytes()
    (source / "cup.jpe").write_bytes(disc(70))
    (newcomer,) = [answer for answer in answers(batch(source, out)) if "skipped" not in answer]
    assert (Path(newcomer["picture"]).name, newcomer["files"]) == ("cup.jpe", [str(out / "cup_2.glb")])
    assert (out / "cup.glb").read_bytes() == before


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    (source / "._0.PNG").write_bytes(b"\0\5\x16\7" + bytes(60))
    (source / "self.png").symlink_to("self.png")
    (source / "sub").mkdir()
    (source / "sub" / "0.png").write_bytes(disc(70))
    ended = batch(source, out)
    assert ended.returncode == 0, ended.stderr
    left_out = "1 .txt file, 1 hidden file, 1 link that leads nowhere, 1 subfolder (--recursive takes its pictures in)"
    assert f"Left out: {left_out}." in ended.stderr
    ended = batch(source, out, "--recursive")
    assert [answer["files"] for answer in answers(ended)] == [[str(out / "0.glb")], [str(out / "sub" / "0.glb")]]


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_link_that_leads_nowhere_fails_by_itself(tmp_path: Path, command: str) -> None:
    folder_of(tmp_path, 1)
    pictures = []
    for name, target in (("self.png", "self.png"), ("dangling.png", "nowhere.png")):
        (tmp_path / name).symlink_to(target)
        pictures.append(str(tmp_path / name))
    pictures.append(str(tmp_path / "in" / "0.PNG"))
    (tmp_path / "list.json").write_text(json.dumps(pictures))
    given = pictures if command == "generate" else [str(tmp_path / "list.json")]
    words = [word for word in QUICK if word != "--no-report" or command == "batch"]
    ended = relievo(command, *given, "-o", tmp_path / "out", *words)
    assert ended.returncode == 5, ended.stderr
    assert [answer["ok"] for answer in answers(ended)] == [False, False, True]


def test_second_batch_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 8), tmp_path / "out"
    command = [str(PROGRAM), "batch", str(source), "-o", str(out), *QUICK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdout is not None
        first.stdout.readline()
        second = batch(source, out)
        first.kill()
    assert (second.returncode, second.stdout) == (3, "")
    assert f"is in use by process {first.pid} on '{os.uname().nodename}'" in second.stderr
    assert batch(source, out).returncode == 0


def test_batch_without_locks_goes_on_where_that_is_asked_for(tmp_path: Path) -> None:
    """flock and fcntl are refused here, as on some network shares."""
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    (tmp_path / "no_locks.c").write_text(
        "#include <errno.h>\n#include <fcntl.h>\n#include <stdarg.h>\n#include <sys/syscall.h>\n#include <unistd.h>\n"
        "int flock(int fd, int how) { errno = ENOLCK; return -1; }\n"
        "static int lockless(int fd, int what, long value) {\n"
        "  if (what == F_SETLK || what == F_SETLKW || what == F_GETLK) { errno = ENOLCK; return -1; }\n"
        "  return syscall(SYS_fcntl, fd, what, value);\n}\n"
        "int fcntl(int fd, int what, ...) { va_list v; va_start(v, what); long a = va_arg(v, long); va_end(v);"
        " return lockless(fd, what, a); }\n"
        "int fcntl64(int fd, int what, ...) { va_list v; va_start(v, what); long a = va_arg(v, long); va_end(v);"
        " return lockless(fd, what, a); }\n"
    )
    library = tmp_path / "no_locks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "no_locks.c"], check=True)
    environment = os.environ | {"LD_PRELOAD": str(library)}

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAM), "batch", str(source), "-o", str(out), *QUICK, *more]
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    refused = run()
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "without locks" in refused.stderr and "--no-lock" in refused.stderr
    for made in (1, 0):
        ended = run("--no-lock")
        assert f"{made} made, {1 - made} already there, 0 failed" in ended.stderr


def test_dry_run_says_what_is_left_and_writes_nothing(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 2), tmp_path / "out"
    ended = batch(source, out, "--dry-run")
    *planned, taken = answers(ended)
    assert planned == [{"picture": str(source / f"{i}.PNG"), "result": str(out / str(i))} for i in range(2)]
    assert (taken["pictures"], taken["refused"]) == (2, [])
    assert taken["expected_seconds"] > 0
    assert all(device["peak_bytes"] > 1 << 20 for device in taken["devices"])
    assert "0 made, 0 already there, 0 failed, 2 left" in ended.stderr
    assert not out.exists()


def test_only_failed_pictures_are_tried_again(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    (source / "bad.jpg").write_text("this is no picture\n" * 20)
    batch(source, out)
    (source / "bad.jpg").write_bytes(disc())
    (source / "new.png").write_bytes(disc(70))
    ended = batch(source, out, "--retry-failed")
    assert [Path(answer["picture"]).name for answer in answers(ended) if "skipped" not in answer] == ["bad.jpg"]
    assert "1 picture that has not failed before is passed over." in ended.stderr


def test_estimate_is_that_of_plan_and_grows_with_the_pictures(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 6), tmp_path / "out"
    words = ["--grid", "24", "--texture-size", "64", "--devices", "cpu*1@2GiB"]
    ended = relievo("batch", source, "-o", out, *words, "--dry-run", "--json")
    taken = answers(ended)[-1]
    planned = relievo("plan", "--model", "preview", "--images", "6", *words, "--json")
    plan = json.loads(planned.stdout)
    assert taken["expected_seconds"] == pytest.approx(plan["seconds"])
    assert [device["peak_bytes"] for device in taken["devices"]] == [device["peak_bytes"] for device in plan["devices"]]
    ended = relievo("batch", source, "-o", out, *words, "--dry-run")
    assert "6 pictures would take " in ended.stdout and " of cpu" in ended.stdout


def test_dry_run_tells_what_cannot_be_planned(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    entries = ["in/0.PNG", {"picture": "in/0.PNG", "settings": {"grid": 3}}]
    (tmp_path / "list.json").write_text(json.dumps(entries))
    ended = batch(tmp_path / "list.json", tmp_path / "out", "--dry-run")
    assert answers(ended)[-1]["pictures"] == 1
    assert "1 picture cannot be planned: Invalid grid '3'." in ended.stderr


def test_wrong_line_fails_and_the_others_are_made(tmp_path: Path) -> None:
    folder_of(tmp_path, 2)
    lines = ['"in/0.PNG"', '{"picture": ', '{"picture": "in/1.PNG", "name": "b", "settings": {"depth": 0.5}}']
    (tmp_path / "list.jsonl").write_text("\n".join(lines) + "\n")
    ended = batch(tmp_path / "list.jsonl", tmp_path / "out")
    assert ended.returncode == 5
    told = answers(ended)
    assert [answer["ok"] for answer in told] == [True, False, True]
    assert told[1]["picture"].endswith("list.jsonl:2")
    assert "Line 2 of the manifest is wrong." in told[1]["error"]["message"]
    assert settings_in(tmp_path / "out" / "b.glb")["depth"] == 0.5
    assert "0 made, 2 already there, 1 failed" in batch(tmp_path / "list.jsonl", tmp_path / "out").stderr


def write_clock(folder: Path, ahead: int, after: Path, jump: int) -> dict[str, str]:
    """A clock for a program, as its environment: so many seconds ahead, and another jump on when a file is there."""
    (folder / "clock.c").write_text(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdlib.h>\n#include <time.h>\n#include <unistd.h>\n"
        "int clock_gettime(clockid_t which, struct timespec* now) {\n"
        "  static int (*real)(clockid_t, struct timespec*);\n"
        '  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");\n'
        "  int status = real(which, now);\n"
        "  if (which != CLOCK_REALTIME) return status;\n"
        '  now->tv_sec += atol(getenv("AHEAD")) + (access(getenv("AFTER"), F_OK) ? 0 : atol(getenv("JUMP")));\n'
        "  return status;\n}\n"
    )
    library = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "clock.c", "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "AHEAD": str(ahead), "AFTER": str(after), "JUMP": str(jump), "TZ": "UTC"}


def test_no_picture_is_begun_after_the_time(tmp_path: Path) -> None:
    """The program's clock stands before seven, and jumps beyond when there is a result."""
    folder_of(tmp_path, 1)
    out = tmp_path / "out"
    (tmp_path / "list.json").write_text(json.dumps(["in/0.PNG"] * 40))
    six = 6 * 3600 - int(time.time()) % 86400
    clock = write_clock(tmp_path, ahead=six, after=out / "0.glb", jump=7200)
    command = [str(PROGRAM), "batch", str(tmp_path / "list.json"), "-o", str(out), *QUICK, "--until", "07:00"]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | clock)
    assert ended.returncode == 5, ended.stderr
    made = len(answers(ended))  # those that had begun are finished
    assert 1 <= made < 20
    assert f"The time of --until has come, so {40 - made} of 40 pictures are left." in ended.stderr


def test_time_that_is_none_is_refused(tmp_path: Path) -> None:
    ended = batch(folder_of(tmp_path, 1), tmp_path / "out", "--until", "25:00")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Invalid time '25:00'." in ended.stderr


def test_pictures_of_sides_make_one_object(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in ("cup_front.png", "cup_right.png", "jug.png"):
        (source / name).write_bytes(disc())
    ended = batch(source, out)
    assert ended.returncode == 0, ended.stderr
    assert "1 object has pictures of several sides" in ended.stderr
    assert [Path(answer["picture"]).name for answer in answers(ended)] == ["cup_front.png", "jug.png"]
    (view,) = settings_in(out / "cup.glb")["views"]
    assert (Path(view["picture"]).name, view["azimuth"]) == ("cup_right.png", 90)
    (source / "cup_right.png").write_bytes(disc(70))
    assert "1 made, 1 already there" in batch(source, out).stderr
    apart = batch(source, tmp_path / "apart", "--no-sides")
    assert len(answers(apart)) == 3


def two_discs() -> bytes:
    """A picture whose subject is in two parts."""
    picture = Image.new("RGBA", (96, 48))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((4, 4, 40, 40), fill=(200, 40, 40, 255))
    draw.ellipse((54, 4, 90, 40), fill=(40, 40, 200, 255))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_mesh_that_does_not_meet_what_is_required_is_no_result(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    (source / "two.png").write_bytes(two_discs())
    ended = batch(source, out, "--require", "watertight,one-piece")
    assert ended.returncode == 5, ended.stderr
    first, second = answers(ended)
    assert first["ok"] and {"watertight", "one-piece"} <= set(first["met"])
    assert not second["ok"]
    assert "does not meet 'one-piece' (it has 2 pieces)" in second["error"]["message"]
    assert sorted(file.name for file in out.iterdir()) == ["0.glb", JOURNAL]
    again = batch(source, out, "--require", "watertight,one-piece")
    assert "0 made, 1 already there, 1 failed" in again.stderr
    assert "1 made, 1 already there, 0 failed" in batch(source, out).stderr


def test_report_shows_what_was_made_and_what_failed(tmp_path: Path) -> None:
    source, out = folder_of(tmp_path, 1), tmp_path / "out"
    (source / "bad.jpg").write_text("this is no picture\n" * 20)
    words = [word for word in QUICK if word != "--no-report"]
    ended = relievo("batch", source, "-o", out, *words)
    assert f"The report is '{out / 'relievo-report.html'}'." in ended.stderr
    rows = [json.loads(line) for line in (out / "relievo-metrics.jsonl").read_text().splitlines()]
    assert [(row["name"], row["state"]) for row in rows] == [("0", "made"), ("bad", "failed")]
    assert rows[0]["faces"] == answers(ended)[0]["faces"]
    with (out / "relievo-metrics.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == ["0", "bad"]
    assert float(table[0]["seconds"]) == pytest.approx(rows[0]["seconds"])
    page = (out / "relievo-report.html").read_text()
    thumbnail = base64.b64decode(re.search(r'"thumbnail":"([^"]+)"', page)[1])  # type: ignore[index]
    assert len(thumbnail) <= 20_000
    assert Image.open(io.BytesIO(thumbnail)).size == (512, 256)
    written = {file.name for file in out.iterdir()}
    of_the_report = {"relievo-metrics.csv", "relievo-metrics.jsonl", "relievo-report.html", "0_view.js"}
    assert written == {"0.glb", JOURNAL} | of_the_report
    assert '"view":"0_view.js"' in page

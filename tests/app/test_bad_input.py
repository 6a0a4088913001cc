"""Batches over what goes wrong: each fault is told of its own picture, and all the rest is made."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from processes import PROGRAM, start
from test_batch import JOURNAL, QUICK, answers, batch, write_clock
from test_cli import disc

MAY_MOUNT = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "relievo", "/mnt"]).returncode == 0


def write_huge(file: Path, side: int) -> None:
    """A sound picture in black and white, with all its rows."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    packed = zlib.compressobj(9)
    row = b"\0" + b"\xaa" * ((side + 7) // 8)
    rows = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))


def errors(told: list[dict[str, Any]]) -> dict[str, str]:
    """The codes of what has failed, by the picture's name."""
    return {Path(answer["picture"]).name: answer["error"]["code"] for answer in told if not answer["ok"]}


def test_each_bad_picture_is_told_and_the_rest_is_made(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a good.png").write_bytes(disc())
    (source / "text.png").write_text("this is no picture\n" * 20)
    (source / "nothing.png").write_bytes(b"")
    (source / "cut.png").write_bytes(disc()[:300])
    write_huge(source / "huge.png", 30_000)
    Image.new("RGBA", (96, 96)).save(source / "no subject.png")
    (source / "z good.png").write_bytes(disc(64))
    ended = batch(source, out)
    assert ended.returncode == 5
    expected = dict.fromkeys(("text.png", "nothing.png", "cut.png", "huge.png"), "invalid_image")
    assert errors(answers(ended)) == expected | {"no subject.png": "no_subject"}
    by_name = {Path(answer["picture"]).name: answer for answer in answers(ended)}
    assert "30000" in by_name["huge.png"]["error"]["message"]
    assert all(answer["error"]["hint"] for answer in by_name.values() if not answer["ok"])
    assert sorted(file.name for file in out.iterdir()) == ["a good.glb", JOURNAL, "z good.glb"]
    for name in [*expected, "no subject.png"]:
        (source / name).unlink()
    assert batch(source, out).returncode == 0


def test_folder_that_cannot_be_read_is_a_failure_of_its_own(tmp_path: Path) -> None:
    """As root without the right to read what its permissions forbid."""
    source, out = tmp_path / "in", tmp_path / "out"
    for name in ("closed", "open"):
        (source / name).mkdir(parents=True)
        (source / name / "cup.png").write_bytes(disc())
    (source / "closed").chmod(0)
    less = "-dac_override,-dac_read_search"
    as_others = ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}"] if os.geteuid() == 0 else []
    words = ["batch", str(source), "-o", str(out), *QUICK, "--recursive"]
    ended = subprocess.run([*as_others, str(PROGRAM), *words], capture_output=True, text=True)
    (source / "closed").chmod(0o755)
    assert ended.returncode == 5, ended.stderr
    assert errors(answers(ended)) == {"closed": "io"}
    assert f"Cannot read the folder '{source / 'closed'}': Permission denied" in ended.stderr
    assert (out / "open" / "cup.glb").exists()
    assert "1 made, 1 already there, 0 failed" in batch(source, out, "--recursive").stderr


def remove(folder: Path) -> None:
    """Removes a folder that another program is writing to."""
    while True:
        try:
            return shutil.rmtree(folder)
        except OSError:  # a file came while its others went
            pass


@pytest.mark.parametrize("which", ["in", "out"])
def test_folder_vanishes(tmp_path: Path, which: str) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    pictures = 16
    for i in range(pictures):
        (source / f"{i:02}.png").write_bytes(disc())
    with start("batch", source, "-o", out, *QUICK) as process:
        assert process.stdout is not None and process.stderr is not None
        first = json.loads(process.stdout.readline())
        remove(tmp_path / which)
        told = [first, *map(json.loads, process.stdout)]
        said = process.stderr.read()
    assert first["ok"] and len(told) == pictures
    if which == "in":
        assert process.returncode == 5
        assert set(errors(told).values()) == {"io"}
        assert sum(answer["ok"] for answer in told) == len(list(out.glob("*.glb")))
        return
    # The results that are made later are there (one may just have been written), and what the journal cannot hold is
    # said once, and counts.
    assert process.returncode == (5 if errors(told) else 3), said
    assert len(errors(told)) <= 2 and set(errors(told).values()) <= {"io"}
    assert said.count("Cannot write the journal") == 1
    assert (out / "15.glb").exists()
    source.mkdir(exist_ok=True)
    again = batch(source, out)
    assert again.returncode == 0, again.stderr
    assert len(list(out.glob("*.glb"))) == pictures


@pytest.mark.skipif(not MAY_MOUNT, reason="a disk of its own needs mounts")
def test_full_disk_leaves_nothing_half_written_and_the_batch_goes_on_with_room(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    for i in range(12):
        (source / f"{i:02}.png").write_bytes(disc(96 + i))
    run = f'"{PROGRAM}" batch "{source}" -o "{out}" --grid 32 --texture-size 256 --no-sheet --no-report --json'
    script = f"""
        mount -t tmpfs -o size=600k relievo "{out}"
        {run} >"{tmp_path}/full" 2>"{tmp_path}/full.said"; echo $? >"{tmp_path}/full.status"
        ls -A "{out}" >"{tmp_path}/full.files"
        mount -o remount,size=60m "{out}"
        {run} >"{tmp_path}/roomy" 2>"{tmp_path}/roomy.said"; echo $? >"{tmp_path}/roomy.status"
        ls -A "{out}" >"{tmp_path}/roomy.files" """
    subprocess.run(["unshare", "--mount", "bash", "-c", script], check=True)
    told = [json.loads(line) for line in (tmp_path / "full").read_text().splitlines()]
    said = (tmp_path / "full.said").read_text()
    assert int((tmp_path / "full.status").read_text()) == 5, said
    assert len(told) == 12
    made = [Path(file).name for answer in told if answer["ok"] for file in answer["files"]]
    assert 0 < len(made) < 12
    assert set(errors(told).values()) == {"io"} and "No space left on device" in said
    assert sorted((tmp_path / "full.files").read_text().split()) == sorted([*made, JOURNAL])
    assert int((tmp_path / "roomy.status").read_text()) == 0, (tmp_path / "roomy.said").read_text()
    expected = sorted([*(f"{i:02}.glb" for i in range(12)), JOURNAL])
    assert sorted((tmp_path / "roomy.files").read_text().split()) == expected


def test_clock_that_jumps_back_changes_nothing(tmp_path: Path) -> None:
    """By ten years when there is a result."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(4):
        (source / f"{i}.png").write_bytes(disc(64 + i))
    years = -10 * 365 * 86400
    clock = write_clock(tmp_path, ahead=0, after=out / "0.glb", jump=years)
    words = [str(word) for word in ("batch", source, "-o", out, *QUICK) if word != "--no-report"]
    ended = subprocess.run([PROGRAM, *words], capture_output=True, text=True, env=os.environ | clock)
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in (out / "relievo-metrics.jsonl").read_text().splitlines()]
    assert rows[0]["begun"][:4] > rows[-1]["begun"][:4]
    assert all(0 < row["seconds"] < 3600 for row in rows)
    again = subprocess.run([PROGRAM, *words], capture_output=True, text=True, env=os.environ | clock)
    assert "0 made, 4 already there, 0 failed" in again.stderr

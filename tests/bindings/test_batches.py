"""`relievo.Batch`: many pictures, taken up again where they were left."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import relievo
from PIL import Image
from shapes import disc

QUICK: dict[str, Any] = {"grid": 16, "texture_size": 64}


def write_disc(file: Path, side: int) -> None:
    Image.fromarray(disc(side)).save(file)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(2):
        write_disc(folder / f"{i}.png", 64 + i)
    (folder / "bad.jpg").write_text("this is no picture\n" * 20)
    return folder


def test_pictures_are_made_once(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with relievo.Batch(pictures, out, formats=["glb", "ply"], **QUICK) as batch:
        assert [task.name for task in batch.left] == ["0", "1", "bad"]
        outcomes = list(batch.run())
        assert "2 made, 0 already there, 1 failed" in batch.summary
    assert [outcome.files for outcome in outcomes] == [
        [out / "0.glb", out / "0.ply"],
        [out / "1.glb", out / "1.ply"],
        [],
    ]
    assert isinstance(outcomes[2].error, relievo.InvalidImageError)
    with relievo.Batch(pictures, out, formats=["glb", "ply"], **QUICK) as batch:
        assert [task.picture for task in batch.left] == [str(pictures / "bad.jpg")]
        assert [report["files"][0] for report in batch.made_before] == [str(out / "0.glb"), str(out / "1.glb")]
        assert all(report["skipped"] for report in batch.made_before)
    with relievo.Batch(pictures, out, formats=["glb", "ply"], grid=24, texture_size=64) as batch:
        assert [Path(task.picture).name for task in batch.left] == ["0.png", "1.png", "bad.jpg"]


def test_batch_tells_what_it_will_take_and_reports_what_it_made(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with relievo.Batch(pictures, out, required=["watertight"], **QUICK) as batch:
        taken = batch.estimate(devices="cpu")
        assert (taken["pictures"], taken["refused"]) == (3, [])
        assert taken["expected_seconds"] > 0 and taken["devices"][0]["peak_bytes"] > 0
        outcomes = list(batch.run())
        assert [outcome.error is None for outcome in outcomes] == [True, True, False]
        assert batch.write_report() == out / "relievo-report.html"
    rows = [json.loads(line) for line in (out / "relievo-metrics.jsonl").read_text().splitlines()]
    assert [(row["name"], row["state"]) for row in rows] == [("0", "made"), ("1", "made"), ("bad", "failed")]
    assert "watertight" in rows[0]["met"]
    assert json.loads(relievo.check(out / "0.glb", ["watertight"]))["ok"]


def test_time_that_is_none_is_refused(pictures: Path, tmp_path: Path) -> None:
    with (
        relievo.Batch(pictures, tmp_path / "out", **QUICK) as batch,
        pytest.raises(relievo.InvalidSettingsError, match="Invalid time '7 am'"),
    ):
        list(batch.run(until="7 am"))


def test_folder_belongs_to_one_batch_until_it_is_closed(pictures: Path, tmp_path: Path) -> None:
    batch = relievo.Batch(pictures, tmp_path / "out", **QUICK)
    with pytest.raises(relievo.IoError, match=f"is in use by process {os.getpid()} on"):
        relievo.Batch(pictures, tmp_path / "out", **QUICK)
    batch.close()
    relievo.Batch(pictures, tmp_path / "out", **QUICK).close()
    for use in (lambda: batch.left, lambda: batch.notes, lambda: batch.summary, lambda: list(batch.run())):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_what_cannot_be_is_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(relievo.InvalidSettingsError, match="among the pictures"):
        relievo.Batch(pictures, pictures)
    with pytest.raises(relievo.IoError):
        relievo.Batch(tmp_path / "none.json", tmp_path / "out")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(relievo.InvalidSettingsError, match="is not a manifest: it nests more than"):
        relievo.Batch(tmp_path / "deep.json", tmp_path / "out")
    with pytest.raises(relievo.InvalidSettingsError, match="Unknown setting 'gridd'"):
        relievo.Batch(pictures, tmp_path / "out", gridd=3)  # type: ignore[call-arg]
    with relievo.Batch(pictures, tmp_path / "out", dry_run=True, **QUICK) as batch:
        assert list(batch.run()) == []
        assert [Path(task.picture).name for task in batch.left] == ["0.png", "1.png", "bad.jpg"]
        with pytest.raises(IndexError):
            batch.begin(3)


def test_settings_of_a_task_are_those_of_submit(pictures: Path, tmp_path: Path) -> None:
    mask = pictures / "0.png"
    with relievo.Batch(pictures, tmp_path / "out", dry_run=True, mask=mask, **QUICK) as batch:
        settings = batch.left[0].settings
    assert (settings["mask"], settings["grid"]) == (str(mask), 16)
    assert "mask_file" not in settings


@pytest.mark.parametrize("given", [os.fsencode, os.fsdecode, lambda path: Path(os.fsdecode(path))])
def test_paths_of_views_need_be_no_text(
    pictures: Path, tmp_path: Path, given: Callable[[bytes], str | bytes | Path]
) -> None:
    views = [os.fsencode(tmp_path) + f"/v{i}".encode() + b"\xff.png" for i in range(6)]
    for view in views:
        Path(os.fsdecode(view)).write_bytes((pictures / "0.png").read_bytes())
    paths = [given(view) for view in views]
    with relievo.Batch(pictures, tmp_path / "out", dry_run=True, views=paths, **QUICK) as batch:
        assert batch.left[0].settings["views"] == [os.fsdecode(view) for view in views]


def test_many_threads_may_record(pictures: Path, tmp_path: Path) -> None:
    for i in range(2, 20):
        write_disc(pictures / f"{i}.png", 64 + i)
    with relievo.Batch(pictures, tmp_path / "out", **QUICK) as batch:

        def record(place: int) -> None:
            batch.begin(place)
            batch.fail(place, "io", "It was lost.")

        threads = [threading.Thread(target=record, args=(place,)) for place in range(len(batch.left))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert f"0 made, 0 already there, {len(threads)} failed" in batch.summary


def _hold(pictures: Path, out: Path, is_held: Any) -> None:
    batch = relievo.Batch(pictures, out, **QUICK)
    batch.begin(0)
    is_held.set()
    signal.pause()


def test_kill_releases_the_folder(pictures: Path, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    is_held = spawn.Event()
    holder = spawn.Process(target=_hold, args=(pictures, tmp_path / "out", is_held))
    holder.start()
    assert is_held.wait(120)
    with pytest.raises(relievo.IoError, match=f"process {holder.pid} "):
        relievo.Batch(pictures, tmp_path / "out", **QUICK)
    holder.kill()
    holder.join()
    with relievo.Batch(pictures, tmp_path / "out", **QUICK) as batch:
        assert [Path(task.picture).name for task in batch.left] == ["0.png", "1.png", "bad.jpg"]

"""Batches on a Ray cluster of several node processes on this machine, which come and die.

make test-cluster
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import relievo
from PIL import Image, ImageDraw
from ray.cluster_utils import Cluster

QUICK: dict[str, Any] = {"grid": 24, "texture_size": 64}
MEMORY = 200 << 20  # of a node's object store


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head that computes nothing."""
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False}
    )
    yield made
    ray.shutdown()
    made.shutdown()


def add_node(cluster: Cluster) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=MEMORY)


def write_picture(file: Path, number: int) -> None:
    picture = Image.new("RGBA", (96, 96))
    ImageDraw.Draw(picture).ellipse((8, 8, 60 + number, 88), fill=(40 + 4 * number, 90, 200 - 4 * number, 255))
    picture.save(file)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(24):
        write_picture(folder / f"{number:02}.png", number)
    (folder / "bad.png").write_text("this is no picture\n" * 20)
    return folder


def made_in_journal(out: Path) -> Counter[str]:
    """How often each result was made."""
    with contextlib.closing(sqlite3.connect(out / "relievo-batch.sqlite")) as journal:
        rows = journal.execute(
            "SELECT name FROM results JOIN attempts ON attempts.result = results.id WHERE state = 'made'"
        )
        return Counter(name for (name,) in rows)


def test_every_picture_is_made_once_though_a_node_dies_and_one_comes(
    cluster: Cluster, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    nodes = [add_node(cluster), add_node(cluster)]
    done: Counter[str] = Counter()
    errors = []
    with relievo.Batch(pictures, out, formats=["glb", "obj"], contact_sheet=True, **QUICK) as batch:
        for outcome in batch.run_on_cluster(cluster.address):
            done[Path(outcome.picture).stem] += 1
            if outcome.error is not None:
                errors.append(outcome.error)
            if done.total() == 3:
                cluster.remove_node(nodes[0], allow_graceful=False)
            if done.total() == 6:
                add_node(cluster)
        assert "24 made, 0 already there, 1 failed" in batch.summary
    names = {f"{number:02}" for number in range(24)}
    assert done == Counter([*names, "bad"])
    assert [type(error) for error in errors] == [relievo.InvalidImageError]
    assert made_in_journal(out) == Counter(names)
    written = {file.name for file in out.iterdir()} - {"relievo-batch.sqlite"}
    endings = (".glb", ".obj", ".mtl", "_albedo.png", "_sheet.png")
    assert written == {name + ending for name in names for ending in endings}
    for name in names:
        assert json.loads(relievo.check(out / f"{name}.glb", ["watertight", "textured"]))["ok"]


def test_result_is_that_of_this_machine(cluster: Cluster, pictures: Path, tmp_path: Path) -> None:
    """Also where a mask, which is a file of its own, decides, and a mesh has to meet something."""
    add_node(cluster)
    entry = {"picture": "in/07.png", "name": "cup", "settings": {"mask": "in/09.png", "depth": 0.5}}
    (tmp_path / "list.json").write_text(json.dumps([entry]))
    reports = []
    for out in (tmp_path / "there", tmp_path / "here"):
        with relievo.Batch(tmp_path / "list.json", out, required=["watertight"], **QUICK) as batch:
            outcomes = batch.run_on_cluster(cluster.address) if out.name == "there" else batch.run()
            assert [outcome.error for outcome in outcomes] == [None]
        with relievo.Batch(tmp_path / "list.json", out, required=["watertight"], **QUICK) as batch:
            assert not batch.left
            (report,) = batch.made_before
        reports.append({name: report[name] for name in ("vertices", "faces", "euler", "watertight", "charts", "met")})
        assert report["files"] == [str(out / "cup.glb")]
    assert reports[0] == reports[1]


def test_command_of_the_package_knows_ray(cluster: Cluster, pictures: Path, tmp_path: Path) -> None:
    add_node(cluster)
    for picture in sorted(pictures.iterdir())[4:]:
        picture.unlink()
    out = tmp_path / "out"
    command = [sys.executable, "-c", "import sys; from relievo._command import main; sys.exit(main())", "batch"]
    words = [pictures, "-o", out, "--grid", "24", "--texture-size", "64", "--no-sheet", "--ray", cluster.address]
    ended = subprocess.run([*command, *map(str, words)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "4 of 4 made, 0 failed, 1 node" in ended.stderr
    assert (out / "relievo-report.html").exists()
    again = subprocess.run([*command, *map(str, words), "--json"], capture_output=True, text=True)
    assert [json.loads(line)["skipped"] for line in again.stdout.splitlines()] == [True] * 4


def test_cluster_without_nodes_is_an_error(cluster: Cluster, pictures: Path, tmp_path: Path) -> None:
    with (
        relievo.Batch(pictures, tmp_path / "out", **QUICK) as batch,
        pytest.raises(relievo.DeviceLostError, match="no node that computes"),
    ):
        list(batch.run_on_cluster(cluster.address))

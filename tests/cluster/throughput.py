"""How many pictures a second two nodes of one core each make, beside one, and beside two processes without Ray.

    PYTHONPATH=build/python .venv-cluster/bin/python tests/cluster/throughput.py [PICTURES]

The processor time that Ray's daemons take is shown, because on a small machine it is taken from the nodes.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
import relievo
from PIL import Image, ImageDraw
from ray.cluster_utils import Cluster

SETTINGS: dict[str, Any] = {"grid": 96, "texture_size": 512}
MEMORY = 200 << 20


def write_pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        picture = Image.new("RGBA", (320, 320))
        ImageDraw.Draw(picture).ellipse((20, 20, 220 + number, 300), fill=(4 * number % 256, 90, 160, 255))
        picture.save(folder / f"{number:03}.png")


def seconds_of_daemons() -> float:
    """Processor seconds of Ray's own processes."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if any(word in command for word in (b"raylet", b"gcs_server", b"dashboard", b"log_monitor", b"/ray/_private/")):
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def on_cluster(pictures: Path, out: Path, nodes: int) -> tuple[float, float]:
    """Seconds from the first result to the last, a picture, and the daemons' processor seconds meanwhile."""
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": MEMORY, "include_dashboard": False}
    )
    for _ in range(nodes):
        cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
    with relievo.Batch(pictures, out, **SETTINGS) as batch:
        times = []
        for outcome in batch.run_on_cluster(cluster.address, devices="cpu"):
            assert outcome.error is None, outcome.error
            times.append((time.monotonic(), seconds_of_daemons()))
    ray.shutdown()
    cluster.shutdown()
    first, last = times[2 * nodes], times[-1]
    return (last[0] - first[0]) / (len(times) - 1 - 2 * nodes), last[1] - first[1]


def alone(pictures: Path, out: Path, seconds: Any) -> None:
    engine = relievo.Engine(threads=1, devices="cpu")
    times = []
    with relievo.Batch(pictures, out, **SETTINGS) as batch:
        for outcome in batch.run(engine):
            assert outcome.error is None, outcome.error
            times.append(time.monotonic())
    seconds.put((times[-1] - times[2]) / (len(times) - 3))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "in", count)
        context = multiprocessing.get_context("spawn")
        seconds = context.Queue()
        processes = [
            context.Process(target=alone, args=(folder / "in", folder / f"alone{i}", seconds)) for i in range(2)
        ]
        for process in processes:
            process.start()
        each = [seconds.get() for _ in processes]
        for process in processes:
            process.join()
        independent = sum(1 / s for s in each)
        print(f"two processes without Ray: {independent:.2f} pictures a second")
        rates = {}
        for nodes in (1, 2):
            per_picture, daemons = on_cluster(folder / "in", folder / f"nodes{nodes}", nodes)
            rates[nodes] = 1 / per_picture
            print(f"{nodes} nodes: {rates[nodes]:.2f} pictures a second; the daemons took {daemons:.1f} s of a core")
        print(f"two nodes beside one: {rates[2] / rates[1]:.2f}; beside two processes: {rates[2] / independent:.2f}")


if __name__ == "__main__":
    main()

"""How many pictures a second a batch makes, beside the engine alone, which makes the same and writes nothing.

    PYTHONPATH=build/python .venv/bin/python benchmarks/batch_throughput.py [PICTURES]

One worker of one thread, so that the second core of a small machine is what a node's processor is beside its cards:
whatever decoding, encoding, journal and disk keep the worker waiting for shows. Both take turns, three rounds.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import relievo
from PIL import Image, ImageDraw

SETTINGS: dict[str, Any] = {"grid": 96, "texture_size": 512}
ROUNDS = 3


def write_pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        picture = Image.new("RGBA", (640, 640))
        ImageDraw.Draw(picture).ellipse((40, 40, 440 + number, 600), fill=(4 * number % 256, 90, 160, 255))
        picture.save(folder / f"{number:03}.png")


def alone(engine: relievo.Engine, folder: Path) -> float:
    """Pictures a second, from the first result to the last."""
    pictures = deque(sorted(folder.iterdir()))
    waiting: deque[relievo.Job] = deque()
    times = []
    while pictures or waiting:
        while pictures and len(waiting) <= 2 * len(engine.workers):
            waiting.append(engine.submit(pictures.popleft(), **SETTINGS))
        job = waiting.popleft()
        assert job.wait(600) and job.result is not None, job.status
        times.append(time.monotonic())
    return (len(times) - 1) / (times[-1] - times[0])


def in_batch(engine: relievo.Engine, folder: Path, out: Path) -> float:
    times = []
    with relievo.Batch(folder, out, contact_sheet=True, report=True, **SETTINGS) as batch:
        for outcome in batch.run(engine):
            assert outcome.error is None, outcome.error
            times.append(time.monotonic())
    return (len(times) - 1) / (times[-1] - times[0])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    engine = relievo.Engine(threads=1, devices="cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "in", count)
        engines, batches = [], []
        for number in range(ROUNDS):
            engines.append(alone(engine, folder / "in"))
            batches.append(in_batch(engine, folder / "in", folder / f"out{number}"))
            print(f"alone {engines[-1]:.2f}, in a batch {batches[-1]:.2f} pictures a second", flush=True)
        print(f"in a batch / alone: {statistics.median(batches) / statistics.median(engines):.3f}")


if __name__ == "__main__":
    main()

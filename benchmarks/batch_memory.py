"""The memory of `relievo batch` over many pictures: whether it grows with them.

    .venv/bin/python benchmarks/batch_memory.py [PICTURES]

Makes so many pictures (default: 1,000), each another one, and prints what the process holds after every tenth of them,
and by how many bytes a picture that grows from the first fifth on (a line through the figures).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
WORDS = ["--grid", "24", "--texture-size", "64", "--no-sheet", "--json"]


def write_pictures(folder: Path, count: int) -> None:
    for number in range(count):
        picture = Image.new("RGBA", (160, 160))
        draw = ImageDraw.Draw(picture)
        draw.ellipse((10, 10, 90 + number % 60, 150), fill=(number % 256, 90, 200 - number % 200, 255))
        draw.rectangle((60, 120, 70 + number // 60, 150), fill=(number % 199, 180, 40, 255))
        picture.save(folder / f"{number:05}.png")


def held(process: int) -> int:
    """Bytes of a process that lie in memory."""
    words = Path(f"/proc/{process}/status").read_text().split()
    return 1024 * int(words[words.index("VmRSS:") + 1])


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        write_pictures(folder / "in", count)
        command = [str(BUILD / "relievo"), "batch", str(folder / "in"), "-o", str(folder / "out"), *WORDS]
        figures = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as batch:
            assert batch.stdout is not None
            for done, _ in enumerate(batch.stdout, 1):
                if batch.poll() is None:
                    figures.append((done, held(batch.pid)))
                if done % max(1, count // 10) == 0:
                    print(f"{done} pictures: {figures[-1][1] / 1e6:.1f} MB", flush=True)
        later = np.array([figure for figure in figures if figure[0] > count / 5])
        slope = np.polyfit(later[:, 0], later[:, 1], 1)[0]
        print(f"From {count // 5} to {count} pictures: {slope:+.0f} bytes a picture")
        report = (folder / "out" / "relievo-report.html").stat().st_size
        print(f"The report has {report / 1e6:.1f} MB; exit status {batch.returncode}")
        return batch.returncode


if __name__ == "__main__":
    sys.exit(main())

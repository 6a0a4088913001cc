"""How soon Chromium shows the report of a thousand results, and how evenly it scrolls through it.

    .venv/bin/python benchmarks/report_page.py REPORT.html

Prints the first paint after the page was asked for, the times between the frames of a scroll from the top to the bottom
in six seconds, and what of the processor the page's own thread takes for either, which a busy machine does not change.
Painting is the processor's work here, so a machine with a screen is quicker.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "app"))
from chromium import Chromium

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
SCROLL = """new Promise(done => {
    const times = [], height = document.documentElement.scrollHeight - innerHeight;
    let begin;
    const draw = now => {
        begin ??= now;
        times.push(now);
        scrollTo(0, height * (now - begin) / 6000);
        now - begin < 6000 ? requestAnimationFrame(draw) : done(times);
    };
    requestAnimationFrame(draw); })"""


def main() -> None:
    page = Path(sys.argv[1])
    with Chromium() as browser:
        browser.seconds_computed()
        browser.open(page)
        browser.wait_for(FIRST_PAINT)
        opened = browser.seconds_computed()
        complete = browser.value("performance.timing.loadEventEnd - performance.timing.navigationStart")
        print(f"{page.stat().st_size / 1e6:.1f} MB; first paint after {browser.value(FIRST_PAINT):.0f} ms")
        print(f"complete after {complete} ms, of which its thread computed {opened:.2f} s")
        times = browser.value(SCROLL)
        computed = browser.seconds_computed() - opened
        gaps = sorted(b - a for a, b in itertools.pairwise(times))
        late = sum(gap > 50 for gap in gaps)
        middle, long = gaps[len(gaps) // 2], gaps[len(gaps) * 99 // 100]
        print(f"{len(gaps)} frames: {middle:.0f} ms in the middle, {long:.0f} ms at 99 %, {late} over 50 ms")
        print(f"its thread computed {1e3 * computed / len(gaps):.1f} ms a frame")


if __name__ == "__main__":
    main()

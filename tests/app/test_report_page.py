"""The report of a batch as a browser shows it: headless Chromium, from the disk."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import relievo
from chromium import Chromium
from PIL import Image, ImageDraw, ImageStat
from test_cli import relievo as run_program

WORDS = ["--grid", "32", "--texture-size", "128", "--turntable", "4"]
NAMES = ["Großer Krug #1 & 50%", "bowl", "cup"]  # as the page orders them


def draw(name: str) -> bytes:
    picture = Image.new("RGBA", (120, 120))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((20, 10, 100, 110), fill=(40 + 60 * NAMES.index(name), 120, 60, 255))
    pen.rectangle((50, 4, 70, 20), fill=(200, 60, 40, 255))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "in" / "sub").mkdir(parents=True)
    for name in NAMES:
        (folder / "in" / ("sub" if name == "cup" else ".") / f"{name}.png").write_bytes(draw(name))
    (folder / "in" / "text.png").write_text("this is no picture\n" * 20)
    ended = run_program("batch", folder / "in", "-o", folder / "out", "--recursive", *WORDS)
    assert ended.returncode == 5, ended.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Chromium, out: Path) -> Chromium:
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.open(out / "relievo-report.html")
    return chromium


SHOWN = "[...document.querySelectorAll('.card:not([hidden]) .name')].map(each => each.textContent)"
CLICK = "[...document.querySelectorAll('{}')].find(each => each.textContent.includes('{}')).click()"


def test_results_are_filtered_and_sorted(page: Chromium) -> None:
    assert sorted(page.value(SHOWN)) == sorted([*NAMES, "text"])
    page.value(CLICK.format("#states button", "Failed"))
    assert page.value(SHOWN) == ["text"]
    assert "is not read as a picture" in page.value("document.querySelector('.card:not([hidden]) .fault').textContent")
    page.value(CLICK.format("#states button", "Made"))
    assert sorted(page.value(SHOWN)) == sorted(NAMES)
    page.value("const field = document.getElementById('search'); field.value = 'KRUG'; "
               "field.dispatchEvent(new Event('input'))")  # fmt: skip
    assert page.value(SHOWN) == [NAMES[0]]
    assert page.value("document.getElementById('count').textContent") == "1 of 4 shown, 1 failed"
    assert page.complaints == []


def test_object_is_shown_in_3d_without_a_network(page: Chromium, tmp_path: Path) -> None:
    for name in NAMES:
        page.value(CLICK.format(".card", name))
        page.wait_for("document.querySelector('dialog model-viewer')?.loaded")
        assert page.value("document.querySelector('dialog h2').textContent") == name
        # Frames are drawn when there is time for them.
        page.value("new Promise(done => setTimeout(done, 500))")
        page.screenshot(tmp_path / "object.png")
        box = page.value("(b => [b.left, b.top, b.right, b.bottom])"
                         "(document.querySelector('model-viewer').getBoundingClientRect())")  # fmt: skip
        seen = Image.open(tmp_path / "object.png").convert("RGB").crop(tuple(map(round, box)))
        centre = seen.crop((seen.width * 2 // 5, seen.height * 2 // 5, seen.width * 3 // 5, seen.height * 3 // 5))
        corner = seen.crop((0, 0, 20, 20))
        differences = [
            abs(a - b) for a, b in zip(ImageStat.Stat(centre).mean, ImageStat.Stat(corner).mean, strict=True)
        ]
        assert max(differences) > 20, name  # there is an object in the middle, and none in the corner
        page.value(CLICK.format("dialog button", "Close"))
        page.wait_for("document.querySelectorAll('model-viewer').length === 0")
    assert page.complaints == []
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "data", "blob"}


def test_arrow_keys_go_from_one_result_to_the_next(page: Chromium) -> None:
    names = page.value(SHOWN)
    heading = "document.querySelector('dialog h2').textContent"
    page.value(CLICK.format(".card", names[0]))
    assert page.value(heading) == names[0]
    for name in names[1:]:
        page.press("ArrowRight")
        assert page.value(heading) == name
    page.press("ArrowRight")
    assert page.value(heading) == names[-1]
    page.press("ArrowLeft")
    assert page.value(heading) == names[-2]


def test_turntable_and_sides_are_shown_from_their_files(page: Chromium) -> None:
    page.value(CLICK.format(".card", "bowl"))
    for way, ending in (("Turntable", "bowl_turntable.webp"), ("Sides", "bowl_sheet.png")):
        page.value(CLICK.format(".stage button", way))
        page.wait_for("document.querySelector('.stage img')?.naturalWidth > 0")
        assert page.value("document.querySelector('.stage img').src").endswith(ending)


def test_object_whose_file_is_gone_is_told(page: Chromium, out: Path) -> None:
    view = out / "bowl_view.js"
    kept = view.rename(out / "away.js")
    try:
        page.value(CLICK.format(".card", "bowl"))
        page.wait_for("document.querySelector('.stage').textContent.includes('is not beside this page')")
    finally:
        kept.rename(view)


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand results with thumbnails of the most bytes."""
    folder = tmp_path_factory.mktemp("thousand")
    chance = random.Random(7)
    noise = Image.frombytes("RGB", (64, 32), chance.randbytes(64 * 32 * 3)).resize((512, 256))
    files = (thumbnail(noise, quality) for quality in range(100, 0, -5))
    fitting = next(file for file in files if len(file) <= 20_000)
    (folder / "0.png").write_bytes(draw("cup"))
    entries = [{"picture": "0.png", "name": f"object {i:04}"} for i in range(1000)]
    (folder / "list.json").write_text(json.dumps(entries))
    mesh = {"vertices": 4500, "watertight": True, "manifold": True, "components": 1, "euler": 2}
    texture = {"charts": 40, "coverage": 0.7, "mean_stretch": 1.1}
    report = {**mesh, **texture, "notes": [], "plan": "One device makes all."}
    with relievo.Batch(folder / "list.json", folder / "out") as batch:
        for place in range(len(batch.left)):
            batch.begin(place)
            batch.finish(
                place, json.dumps(report | {"faces": 9000 + place}), [], fitting + bytes(20_000 - len(fitting))
            )
        batch.write_report()
    return folder / "out" / "relievo-report.html"


def thumbnail(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WebP", quality=quality)
    return file.getvalue()


def test_thousand_results_are_one_page(thousand: Path, chromium: Chromium) -> None:
    assert thousand.stat().st_size < 30_000_000
    chromium.complaints.clear()
    chromium.open(thousand)
    assert len(chromium.value(SHOWN)) == 1000
    chromium.value("const select = document.getElementById('order'); select.value = 'Most faces first'; "
                   "select.dispatchEvent(new Event('change'))")  # fmt: skip
    assert chromium.value(SHOWN)[:2] == ["object 0999", "object 0998"]
    # Cards out of sight are not laid out.
    assert chromium.value("getComputedStyle(document.querySelector('.card')).contentVisibility") == "auto"
    assert chromium.complaints == []

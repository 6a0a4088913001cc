"""--library writes results as assets of Blender."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from extension_source import imported
from in_blender import facts_of, write_quarters
from PIL import Image, PngImagePlugin

QUICK = ["--grid", "16", "--texture-size", "64", "--no-sheet", "--json"]
AUTHOR, LICENCE = "Jane Doe", "CC BY 4.0"


def jpeg_of(png: Path, path: Path) -> None:
    """The picture on white, with its author and licence in its Exif data."""
    with Image.open(png) as read:
        picture = Image.new("RGB", read.size, "white")
        picture.paste(read, mask=read.getchannel("A"))
    exif = Image.Exif()
    exif[0x013B], exif[0x8298] = AUTHOR, LICENCE
    picture.save(path, exif=exif, quality=95)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("library")
    quarters, pictures = folder / "quarters.png", folder / "pictures"
    write_quarters(quarters)
    (pictures / "kitchen").mkdir(parents=True)
    shutil.copy(quarters, pictures / "cup.png")
    jpeg_of(quarters, pictures / "kitchen" / "cup.jpg")

    def generate(name: str, *more: str) -> list[str]:
        to = ["-o", str(folder / name / "out"), "--library", str(folder / name / "lib")]
        return ["generate", str(quarters), *to, "--format", "ply", *QUICK, *more]

    def batch(name: str, *more: str) -> list[str]:
        to = ["-o", str(folder / name / "out"), "--library", str(folder / name / "lib")]
        return ["batch", str(pictures), "--recursive", *to, "--format", "ply", *QUICK, *more]

    runs = {
        "each": generate("each", "--catalog", "props/toys", "--tags", "round,four colours", "--author", AUTHOR),
        "each_again": generate("each", "--catalog", "props/toys", "--licence", LICENCE),
        "one": batch("one", "--library-file", "one"),
        "one_again": batch("one", "--library-file", "one", "--again", "--grid", "18"),
        "same": ["generate", str(quarters), "-o", str(folder / "same"), "--library", str(folder / "same"), *QUICK],
        "plan": batch("plan", "--dry-run"),
    }
    (folder / "runs.json").write_text(json.dumps(runs))
    return facts_of("library", folder)


def catalogs(text: str) -> dict[str, str]:
    """The paths of catalogs by their numbers, as Blender reads the file."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "VERSION 1"
    return {line.split(":")[0]: line.split(":")[1] for line in lines[1:]}


def test_asset_has_all_that_the_browser_shows(facts: dict[str, Any]) -> None:
    run = facts["each"]
    assert run["status"] == 0, run["errors"]
    assert run["files"] == ["blender_assets.cats.txt", "quarters.blend"]
    asset = run["assets"]["quarters"]
    assert (asset["author"], asset["licence"]) == (AUTHOR, "")
    assert asset["tags"] == ["four colours", "preview", "relievo", "round"]
    assert asset["description"].startswith("Made of 'quarters.png' by Relievo ")
    assert "grid 16" in asset["description"]
    assert catalogs(run["catalogs"])[asset["catalog"]] == "props/toys"
    assert sorted(catalogs(run["catalogs"]).values()) == ["props", "props/toys"]
    width, height, contrast = asset["preview"]
    assert min(width, height) >= 64
    assert contrast > 0.2
    assert (asset["texture"], asset["picture"], asset["settings"]) == (True, True, 16)
    assert asset["lowest"] == pytest.approx(0, abs=1e-6)
    assert run["assets"]["objects of quarters.blend"] == 1


def test_made_again_it_replaces_its_file_and_keeps_its_catalog(facts: dict[str, Any]) -> None:
    run = facts["each_again"]
    assert run["files"] == ["blender_assets.cats.txt", "quarters.blend"]
    assert run["assets"]["quarters"]["licence"] == LICENCE
    assert run["catalogs"] == facts["each"]["catalogs"]


def test_batch_becomes_one_file_with_a_catalog_for_each_folder(facts: dict[str, Any]) -> None:
    run = facts["one"]
    assert run["status"] == 0, run["errors"]
    assert run["files"] == ["blender_assets.cats.txt", "relievo-assets.blend"]
    assert run["assets"]["objects of relievo-assets.blend"] == 2
    paths = catalogs(run["catalogs"])
    found = {paths[run["assets"][name]["catalog"]]: run["assets"][name] for name in ("cup", "cup.001")}
    assert set(found) == {"Relievo", "Relievo/kitchen"}
    assert all(asset["in_scene"] and asset["texture"] and asset["preview"][0] >= 64 for asset in found.values())
    # The JPEG file says who made it; the PNG file says nothing.
    assert (found["Relievo/kitchen"]["author"], found["Relievo/kitchen"]["licence"]) == (AUTHOR, LICENCE)
    assert (found["Relievo"]["author"], found["Relievo"]["licence"]) == ("", "")


def test_batch_made_again_replaces_its_assets(facts: dict[str, Any]) -> None:
    run = facts["one_again"]
    assert run["status"] == 0, run["errors"]
    assert run["assets"]["objects of relievo-assets.blend"] == 2
    assert {run["assets"][name]["settings"] for name in ("cup", "cup.001")} == {18}


def test_library_is_not_the_folder_of_the_results(facts: dict[str, Any]) -> None:
    assert facts["same"]["status"] == 2
    assert "is the folder of the results" in facts["same"]["errors"]


def test_dry_run_makes_no_library(facts: dict[str, Any]) -> None:
    assert facts["plan"]["status"] == 0
    assert facts["plan"]["files"] == []


# What a picture's file says of its author and licence.


@pytest.fixture(scope="module")
def picture_credits(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with imported(tmp_path_factory.mktemp("credits"), "picture_credits") as module:
        yield module


XMP = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description>
<dc:creator><rdf:Seq><rdf:li>Doe &amp; Doe</rdf:li></rdf:Seq></dc:creator>
<xmpRights:UsageTerms><rdf:Alt><rdf:li xml:lang="x-default">{LICENCE}</rdf:li></rdf:Alt></xmpRights:UsageTerms>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tif"])
def test_exif_is_read(picture_credits: Any, tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x013B], exif[0x8298] = AUTHOR, LICENCE
    picture = Image.new("RGB", (8, 8))
    if kind == "tif":
        picture.save(tmp_path / "a.tif", tiffinfo={0x013B: AUTHOR, 0x8298: LICENCE})
    else:
        picture.save(tmp_path / f"a.{kind}", exif=exif)
    found = picture_credits.of_picture((tmp_path / f"a.{kind}").read_bytes())
    assert (found.author, found.licence) == (AUTHOR, LICENCE)


def test_texts_and_xmp_are_read(picture_credits: Any, tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "Jöhn")
    texts.add_itxt("Copyright", "© Jöhn", zip=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=texts)
    found = picture_credits.of_picture((tmp_path / "a.png").read_bytes())
    assert (found.author, found.licence) == ("Jöhn", "© Jöhn")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", xmp=XMP.encode())
    found = picture_credits.of_picture((tmp_path / "a.jpg").read_bytes())
    assert (found.author, found.licence) == ("Doe & Doe", LICENCE)


def test_files_that_say_nothing_or_are_damaged_are_read_without_harm(picture_credits: Any, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    exif = Image.Exif()
    exif[0x013B] = AUTHOR
    Image.new("RGB", (8, 8)).save(tmp_path / "whole.jpg", exif=exif)
    whole = (tmp_path / "whole.jpg").read_bytes()
    for data in (b"", b"no picture", (tmp_path / "plain.png").read_bytes(), *(whole[:n] for n in range(80))):
        assert AUTHOR.startswith(picture_credits.of_picture(data).author)


# The file of catalogs.


@pytest.fixture(scope="module")
def catalog_file(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with imported(tmp_path_factory.mktemp("catalogs"), "catalogs") as module:
        yield module


def test_catalogs_of_others_are_kept(catalog_file: Any, tmp_path: Path) -> None:
    own = "# mine\nVERSION 1\n\n11111111-2222-3333-4444-555555555555:props:Props\n"
    (tmp_path / catalog_file.FILE).write_text(own)
    assert catalog_file.catalog(tmp_path, "props") == "11111111-2222-3333-4444-555555555555"
    assert (tmp_path / catalog_file.FILE).read_text() == own
    number = catalog_file.catalog(tmp_path, "props/cups")
    text = (tmp_path / catalog_file.FILE).read_text()
    assert text == f"{own}{number}:props/cups:props-cups\n"
    assert catalog_file.catalog(tmp_path, "props/cups") == number


@pytest.mark.parametrize(("given", "kept"), [("a:b", "a-b"), ("/a//b/", "a/b"), (" ", "Relievo"), ("a\nb", "a b")])
def test_catalogs_paths_are_lines(catalog_file: Any, given: str, kept: str) -> None:
    assert catalog_file.clean(given) == kept

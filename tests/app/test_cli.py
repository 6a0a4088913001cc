"""The command line program, run as people run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from processes import PROGRAM, ROOT, start, wait_for

PICTURES = ROOT / "tests" / "data" / "pictures"


def relievo(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, stdin=subprocess.DEVNULL)


def png(width: int, height: int, rows: bytes, colour_type: int = 6) -> bytes:
    """A PNG file of 8-bit samples; `rows` without filter bytes. Written by hand, so that sizes may lie."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    stride = width * {0: 1, 2: 3, 6: 4}[colour_type]
    filtered = b"".join(b"\0" + rows[i : i + stride] for i in range(0, len(rows), stride)) if rows else b""
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(filtered)) + chunk(b"IEND", b"")


def disc(side: int = 96) -> bytes:
    """A red disc on transparent ground, its upper half darker."""
    rows = bytearray()
    for y in range(side):
        for x in range(side):
            inside = (x - side / 2 + 0.5) ** 2 + (y - side / 2 + 0.5) ** 2 < (side * 0.4) ** 2
            rows += bytes((120 if y < side / 2 else 220, 40, 30, 255 if inside else 0))
    return png(side, side, bytes(rows))


@pytest.fixture
def cup(tmp_path: Path) -> Path:
    path = tmp_path / "cup.png"
    path.write_bytes(disc())
    return path


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


QUICK = ("--grid", "24", "--texture-size", "64")


def test_version_is_printed() -> None:
    result = relievo("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("relievo 0.")


def test_runs_from_any_folder_without_environment(cup: Path, tmp_path: Path) -> None:
    command = [str(PROGRAM), "generate", "cup.png", "-o", "out", *QUICK]
    result = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "out" / "cup.glb").read_bytes()[:4] == b"glTF"


def test_json_holds_one_object_a_picture_and_nothing_else(cup: Path, tmp_path: Path) -> None:
    result = relievo("generate", cup, "-o", tmp_path / "out", "--json", "--format", "glb,obj,ply", *QUICK)
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    answer: dict[str, Any] = json.loads(line)
    assert answer["ok"] is True and answer["picture"] == str(cup)
    assert {"files", "stages", "vertices", "faces", "watertight", "manifold", "components", "seed", "plan"} <= set(
        answer
    )
    assert answer["watertight"] and answer["manifold"] and answer["components"] == 1 and answer["euler"] == 2
    assert 0 < answer["charts"] < answer["faces"] / 20
    assert 0.3 < answer["coverage"] < 1 and 0.99 < answer["mean_stretch"] < 1.5
    assert [stage["name"] for stage in answer["stages"]] == [
        "foreground",
        "reconstruct",
        "surface",
        "simplify",
        "texture",
    ]
    assert all(stage["seconds"] > 0 and stage["peak_bytes"] > 0 and stage["device"] for stage in answer["stages"])
    names = {Path(file).name for file in answer["files"]}
    assert {"cup.glb", "cup.obj", "cup.mtl", "cup.ply"} <= names
    assert all(Path(file).stat().st_size > 0 for file in answer["files"])


def test_faces_are_bounded_and_the_mesh_stays_closed(cup: Path, tmp_path: Path) -> None:
    many, few = (
        json.loads(relievo("generate", cup, "-o", tmp_path / "out", "--json", "--no-sheet", *words).stdout)
        for words in (["--grid", "64"], ["--grid", "64", "--faces", "800"])
    )
    assert many["faces"] > 2000 and 400 < few["faces"] <= 800
    assert few["watertight"] and few["manifold"] and few["components"] == 1


def test_small_pieces_go_unless_asked_to_stay(tmp_path: Path) -> None:
    side = 128  # a large square and, well apart, one with less than a hundredth of its area
    squares = ((10, 90), (106, 114))
    inside = [any(a <= x < b and a <= y < b for a, b in squares) for y in range(side) for x in range(side)]
    samples = b"".join(bytes([200, 90, 60, 255 if solid else 0]) for solid in inside)
    (tmp_path / "two.png").write_bytes(png(side, side, samples, 6))
    words = ["generate", str(tmp_path / "two.png"), "-o", str(tmp_path / "out"), "--json", "--no-sheet", "--grid", "64"]
    assert json.loads(relievo(*words).stdout)["components"] == 1
    assert json.loads(relievo(*words, "--debris", "0").stdout)["components"] == 2


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--format", "obj", "--no-sheet"], ["cup.mtl", "cup.obj", "cup_albedo.png"]),
        (["--mask", "cup.exr", "--exr", "--no-sheet"], ["cup_2.exr", "cup_2.glb"]),
        (["--views", "cup_sheet.png"], []),
    ],
)
def test_an_input_is_never_overwritten(cup: Path, tmp_path: Path, words: list[str], made: list[str]) -> None:
    inputs = [cup, tmp_path / "cup.exr", tmp_path / "cup_sheet.png"]
    for other in inputs[1:]:
        other.write_bytes(cup.read_bytes())  # a PNG whatever its name says
    before = [file.read_bytes() for file in inputs]
    command = [str(PROGRAM), "generate", "cup.png", "-o", ".", *words, *QUICK]
    subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert [file.read_bytes() for file in inputs] == before
    assert files_in(tmp_path) == sorted([file.name for file in inputs] + made)


def test_frames_of_a_turntable_spare_an_input(cup: Path, tmp_path: Path) -> None:
    frame = tmp_path / "out" / "cup_turntable" / "cup_0001.png"
    frame.parent.mkdir(parents=True)
    frame.write_bytes(cup.read_bytes())
    before = frame.read_bytes()
    words = ["--turntable", "2", "--no-sheet", "--json", *QUICK]
    answers = [
        json.loads(line) for line in relievo("generate", cup, frame, "-o", tmp_path / "out", *words).stdout.splitlines()
    ]
    assert frame.read_bytes() == before
    assert [Path(answer["files"][0]).name for answer in answers] == ["cup_2.glb", "cup_0001.glb"]


def test_a_picture_made_again_replaces_its_own_result_and_no_other(cup: Path, tmp_path: Path) -> None:
    words = ["--json", "--format", "glb,obj,ply", "--exr", "--turntable", "1", *QUICK]

    def made(picture: Path) -> list[str]:
        answer = json.loads(relievo("generate", picture, "-o", tmp_path / "out", *words).stdout)
        return [str(file) for file in answer["files"]]

    files = made(cup)
    assert made(cup) == files
    kept = {file: Path(file).read_bytes() for file in files}
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "CUP.png"
    other.write_bytes(disc(80))
    assert {Path(file).name for file in made(other)} >= {"CUP_2.glb", "CUP_2.obj", "CUP_2.exr", "CUP_2_sheet.png"}
    assert {file: Path(file).read_bytes() for file in files} == kept


def test_names_that_clean_to_the_same_become_two_results(tmp_path: Path) -> None:
    names = ["cup.png", " cup.png", "Cup .png", "a\\b.png", "a_b.png", "nul.png", "é" * 120 + ".png", "cup_sheet.png"]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(disc(64 + i))
    run = relievo("generate", *(tmp_path / name for name in names), "-o", tmp_path / "out", "--json", *QUICK)
    assert run.returncode == 0, run.stderr
    files = [file for line in run.stdout.splitlines() for file in json.loads(line)["files"]]
    assert len(files) == len({file.lower() for file in files}) == 2 * len(names)
    stems = [Path(file).stem for file in files if file.endswith(".glb")]
    assert stems == ["cup", "cup_2", "Cup_3", "a_b", "a_b_2", "nul_", "é" * 95, "cup_sheet"]


def without_drawing(notes: list[str]) -> list[str]:
    """The pictures of these tests have flat colours, which is told, too."""
    return [note for note in notes if "a flat drawing" not in note and "pixel art" not in note]


def test_options_without_effect_are_said(cup: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = relievo("generate", cup, "-o", out, "--json", "--steps", "5", "--sampler", "unipc", "--normal-map", *QUICK)
    assert "--steps, --sampler have no effect with the model 'preview'." in run.stderr
    (note,) = without_drawing(json.loads(run.stdout)["notes"])
    assert note.startswith("No normal map was made")
    run = relievo("batch", cup.parent, "-o", out, "--view-count", "4", "--dry-run", *QUICK)
    assert "--view-count has no effect with the model 'preview'." in run.stderr
    run = relievo("generate", cup, "-o", out, "--model", "triposr", "--steps", "5", "--depth", "0.5", *QUICK)
    assert "--steps, --depth have no effect with the model 'triposr'." in run.stderr
    assert "no effect" not in relievo("generate", cup, "-o", out, "--depth", "0.5", *QUICK).stderr


def test_a_picture_of_another_kind_is_told_by_its_kind(tmp_path: Path) -> None:
    for name, kind in (("a.tga", "a Targa picture (TGA)"), ("b.pcx", "a PCX picture"), ("c.ico", "an icon (ICO)")):
        Image.new("RGB", (64, 64), "red").save(tmp_path / name)
        assert f"is not read as a picture: it is {kind}." in relievo("generate", tmp_path / name, "-o", tmp_path).stderr


def test_the_plan_has_what_decoding_takes(tmp_path: Path) -> None:
    """A progressive JPEG is held as a whole, 2 bytes for each of 1.5 coefficients a pixel; another one row by row."""
    picture = Image.new("RGB", (4000, 3000), "white")
    picture.paste((200, 60, 40), (1000, 800, 3000, 2200))
    told = {}
    for name, progressive in (("rows", False), ("whole", True)):
        picture.save(tmp_path / f"{name}.jpg", progressive=progressive)
        words: list[str | Path] = ["generate", tmp_path / f"{name}.jpg", "-o", tmp_path / "out", "--json", *QUICK]
        told[name] = json.loads(relievo(*words).stdout)["plan"]
    assert "for it is a progressive JPEG." in told["whole"]
    (mebibytes,) = re.findall(r"(\d+) MiB to decode it as a whole", told["whole"])
    assert 34 <= int(mebibytes) <= 36
    assert "decode" not in told["rows"]


def test_a_mesh_that_loses_its_shape_says_so(tmp_path: Path) -> None:
    """A comb of thin teeth, and seven balls of which six are small."""
    side = 192
    fence = bytearray(4 * side * side)
    balls = bytearray(4 * side * side)
    for y in range(side):
        for x in range(side):
            at = 4 * (y * side + x)
            if (x % 12 < 4 and 16 < y < 176 and 16 < x < 176) or (16 < x < 176 and y % 64 < 5 and 16 < y < 176):
                fence[at : at + 4] = bytes([120, 80, 40, 255])
            small = any((x - 20 - 30 * k) ** 2 + (y - 20) ** 2 < 36 for k in range(6))
            if (x - 96) ** 2 + (y - 120) ** 2 < 50**2 or small:
                balls[at : at + 4] = bytes([200, 60, 40, 255])
    (tmp_path / "fence.png").write_bytes(png(side, side, bytes(fence), 6))
    (tmp_path / "balls.png").write_bytes(png(side, side, bytes(balls), 6))

    def answer(name: str, *words: str) -> dict[str, Any]:
        run = relievo("generate", tmp_path / name, "-o", tmp_path / "out", "--json", "--no-sheet", *words)
        told: dict[str, Any] = json.loads(run.stdout)
        return told

    few = answer("fence.png", "--grid", "64", "--faces", "200")
    assert few["watertight"] and few["manifold"] and few["components"] == 1
    assert 200 < few["faces"] < 1000
    (note,) = without_drawing(few["notes"])
    assert note.startswith("200 faces are too few") and f"so {few['faces']} were kept" in note
    assert without_drawing(answer("fence.png", "--grid", "64")["notes"]) == []
    dropped = answer("balls.png", "--grid", "96", "--debris", "0.05")
    assert dropped["components"] == 1
    assert any(note.startswith("6 of 7 parts") and "debris" in note for note in dropped["notes"])
    kept = answer("balls.png", "--grid", "96")
    assert (kept["components"], without_drawing(kept["notes"])) == (7, [])


def test_renders_are_written_when_asked_for(cup: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = relievo("generate", cup, "-o", out, "--json", "--no-sheet", "--turntable", "3", *QUICK)
    assert files_in(out) == ["cup.glb", "cup_turntable", "cup_turntable.webp"]
    assert files_in(out / "cup_turntable") == ["cup_0001.png", "cup_0002.png", "cup_0003.png"]
    assert len(json.loads(result.stdout)["files"]) == 5
    relievo("generate", cup, "-o", tmp_path / "exr", "--no-sheet", "--exr", "--turntable", "1", *QUICK)
    assert files_in(tmp_path / "exr") == ["cup.exr", "cup.glb", "cup_turntable", "cup_turntable.webp"]
    assert files_in(tmp_path / "exr" / "cup_turntable") == ["cup_0001.exr"]
    assert (tmp_path / "exr" / "cup.exr").read_bytes()[:4] == b"\x76\x2f\x31\x01"


@pytest.mark.parametrize(
    "words",
    [
        ["--colour", "3"],
        ["--vews", "six.png"],
        ["--normalmap"],
        ["--format", "dxf"],
    ],
)
def test_an_option_that_is_not_there_is_refused_by_name(cup: Path, tmp_path: Path, words: list[str]) -> None:
    result = relievo("generate", cup, "-o", tmp_path / "out", *words)
    assert result.returncode == 2
    assert words[0] in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "word", "what_to_use"),
    [
        ("--grid", "4", "a whole number from 8 to 512"),
        ("--grid", "100000", "a whole number from 8 to 512"),
        ("--grid", "many", "a whole number from 8 to 512"),
        ("--depth", "nan", "a decimal number from 0.05 to 4"),
        ("--depth", "-1", "a decimal number from 0.05 to 4"),
        ("--mask-threshold", "2", "a decimal number from 0.01 to 0.99"),
        ("--texture-size", "1", "a whole number from 64 to 8192"),
    ],
)
def test_settings_out_of_range_are_refused(cup: Path, tmp_path: Path, option: str, word: str, what_to_use: str) -> None:
    result = relievo("generate", cup, "-o", tmp_path / "out", option, word)
    assert result.returncode == 2
    assert result.stderr == f"relievo: Invalid {option} '{word}'.\n  Use {what_to_use}.\n"


def test_other_commands_are_refused() -> None:
    for refused in (relievo("divices"), relievo()):
        assert refused.returncode == 2
        assert "A subcommand is required" in refused.stderr


def failure(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[0])
    assert answer["ok"] is False
    assert answer["error"]["message"] and answer["error"]["hint"]
    error: dict[str, Any] = answer["error"]
    return error


def transparent(side: int) -> bytes:
    return png(side, side, bytes(4 * side * side))


BAD_PICTURES = {
    "empty.png": (b"", "invalid_image", 2),
    "text.png": (b"this is no picture, whatever its name says\n" * 20, "invalid_image", 2),
    "huge.png": (png(20000, 20000, b""), "invalid_image", 2),
    "truncated.png": (disc()[:300], "invalid_image", 2),
    "transparent.png": (transparent(32), "no_subject", 2),
    "plain.png": (png(64, 64, bytes([128]) * (3 * 64 * 64), 2), "no_subject", 2),
}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--views", "six.png"], "and the view 'six.png' is none."),
        (["--devices", "cuda:99"], "cuda:99"),
        (["--strategy", "magic"], "magic"),
        (["--allocator", "fast"], "Invalid allocator 'fast'.\n  Use auto, expandable-segments, max_split_size_mb=N"),
        (["--precision", "int3"], "Unknown precision 'int3'.\n  Use auto, fp32, bf16 or fp16"),
        (["--input-size", "100"], "Invalid input_size '100'.\n  Use a multiple of 16."),
        (["--sampler", "ddim"], "Unknown sampler 'ddim'.\n  Use euler-ancestral, dpm-solver++ or unipc."),
    ],
)
def test_settings_that_cannot_be_are_refused(cup: Path, tmp_path: Path, words: list[str], told: str) -> None:
    result = relievo("generate", cup, "-o", tmp_path / "out", *words)
    assert result.returncode == 2
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_bad_pictures_have_their_codes(tmp_path: Path, name: str) -> None:
    content, code, status = BAD_PICTURES[name]
    (tmp_path / name).write_bytes(content)
    result = relievo("generate", tmp_path / name, "-o", tmp_path / "out", "--json", *QUICK)
    assert failure(result)["code"] == code
    assert result.returncode == status
    assert files_in(tmp_path / "out") == []


def test_missing_picture_is_io(tmp_path: Path) -> None:
    result = relievo("generate", tmp_path / "none.png", "-o", tmp_path / "out", "--json")
    assert failure(result)["code"] == "io"
    assert result.returncode == 3


def test_one_pixel_becomes_an_object_or_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(png(1, 1, b"\xff\0\0\xff"))
    result = relievo("generate", tmp_path / "one.png", "-o", tmp_path / "out", "--json", *QUICK)
    assert result.returncode == 2
    assert failure(result)["code"] in ("no_subject", "invalid_image")


def test_output_that_cannot_be_written_is_io(cup: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("keep me")
    for folder in (in_the_way, in_the_way / "out", "/proc/relievo"):
        result = relievo("generate", cup, "-o", folder, "--json", *QUICK)
        assert result.returncode == 3 and result.stdout == ""  # before anything is computed
        assert "Cannot make the folder" in result.stderr
    assert in_the_way.read_text() == "keep me"


def test_unknown_model_is_missing(cup: Path, tmp_path: Path) -> None:
    result = relievo("generate", cup, "-o", tmp_path / "out", "--model", "instant-mesh-large")
    assert result.returncode == 4
    assert "instant-mesh-large" in result.stderr


def test_one_bad_picture_does_not_stop_the_others(cup: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no")
    other = tmp_path / "other.png"
    shutil.copy(cup, other)
    result = relievo("generate", cup, bad, other, "-o", tmp_path / "out", "--json", *QUICK)
    assert [json.loads(line)["ok"] for line in result.stdout.splitlines()] == [True, False, True]
    assert result.returncode == 5
    assert files_in(tmp_path / "out") == ["cup.glb", "cup_sheet.png", "other.glb", "other_sheet.png"]


def test_names_with_dots_capitals_and_twins_do_not_meet(cup: Path, tmp_path: Path) -> None:
    names = ["a.b.png", "a.c.PNG", "sub/a.b.png", "a.b.Png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(cup, tmp_path / name)
    result = relievo("generate", *(tmp_path / name for name in names), "-o", tmp_path / "out", *QUICK)
    assert result.returncode == 0, result.stderr
    names = ["a.b", "a.b_2", "a.b_3", "a.c"]
    assert files_in(tmp_path / "out") == sorted(f"{name}{end}" for name in names for end in (".glb", "_sheet.png"))


def test_mask_words(cup: Path, tmp_path: Path) -> None:
    """A mask file and an inverted one are the same shape; a picture without alpha has no alpha to use."""
    side = 96
    grey = bytes(255 if x < side // 2 else 0 for _ in range(side) for x in range(side))
    (tmp_path / "left.png").write_bytes(png(side, side, grey, 0))
    (tmp_path / "right.png").write_bytes(png(side, side, bytes(255 - g for g in grey), 0))
    answers = []
    choices: list[list[str | Path]] = [
        ["--mask", tmp_path / "left.png"],
        ["--mask", tmp_path / "right.png", "--mask-invert"],
    ]
    for words in choices:
        result = relievo("generate", cup, "-o", tmp_path / "out", "--json", *words, *QUICK)
        assert result.returncode == 0, result.stderr
        answers.append(json.loads(result.stdout)["vertices"])
    assert answers[0] == answers[1]
    (tmp_path / "opaque.png").write_bytes(png(64, 64, bytes([200]) * (3 * 64 * 64), 2))
    result = relievo("generate", tmp_path / "opaque.png", "-o", tmp_path / "out", "--json", "--mask", "alpha", *QUICK)
    assert failure(result)["code"] == "invalid_image"
    result = relievo("generate", cup, "-o", tmp_path / "out", "--json", "--mask", tmp_path / "none.png", *QUICK)
    assert failure(result)["code"] == "io"


def test_ctrl_c_cancels(tmp_path: Path) -> None:
    picture = PICTURES / "coffee.png"
    if not picture.exists():
        picture = next(PICTURES.glob("coffee.*"))
    process = start("generate", picture, "-o", tmp_path / "out", "--grid", "512", "--texture-size", "4096")
    wait_for((tmp_path / "out").exists, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and "0 of 1 made, 0 failed, 1 left" in said
    assert files_in(tmp_path / "out") == []


def test_golden_reports_every_fixture_and_exits_by_it(tmp_path: Path) -> None:
    golden = Path(os.environ.get("RELIEVO_GOLDEN", ROOT / "tests" / "data" / "golden"))
    result = relievo("golden", golden / "camera", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["cases"] > 0 and report["failed"] == 0 and report["unread"] == []
    broken = tmp_path / "camera"
    shutil.copytree(golden / "camera", broken)
    (broken / "io.safetensors").chmod(0o644)
    data = bytearray((broken / "io.safetensors").read_bytes())
    data[-4:] = struct.pack("<f", 123.0)
    (broken / "io.safetensors").write_bytes(data)
    result = relievo("golden", broken, "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["failed"] == 1
    assert relievo("golden", tmp_path / "none").returncode == 3


def test_the_compact_model_says_that_it_has_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEVO_MODELS", str(tmp_path))
    picture = tmp_path / "disc.png"
    picture.write_bytes(disc())
    done = relievo("generate", picture, "-o", tmp_path / "out", "--model", "compact")
    assert done.returncode == 4
    assert "The model 'compact' has no weights" in done.stderr
    assert str(tmp_path / "compact") in done.stderr

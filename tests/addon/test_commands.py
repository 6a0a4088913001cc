"""The headless command, its exit statuses and its JSON."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from in_blender import PICTURE, ROOT, blender, facts_of, write_quarters

PROGRAM = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo"
SCENARIOS = Path(__file__).with_name("run_scenario.py")
QUICK = ["--grid", "24", "--texture-size", "64"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("command")


@pytest.fixture(scope="module")
def facts(folder: Path) -> dict[str, Any]:
    quarters, none, text, file = (folder / name for name in ("quarters.png", "none.png", "text.png", "file"))
    text.write_text("this is no picture\n" * 20)
    file.write_text("keep me")
    write_quarters(quarters)
    twins = [folder / "a" / "twin.png", folder / "b" / "twin.png", folder / "b" / "twin.v2.png"]
    for twin in twins:
        twin.parent.mkdir(exist_ok=True)
        shutil.copy(quarters, twin)

    def words(*pictures: Path, to: str = "out", more: list[str] | None = None) -> list[str]:
        return ["generate", *map(str, pictures), "-o", str(folder / to), *QUICK, *(more or ["--no-sheet", "--json"])]

    over = folder / "over"
    (over / "views").mkdir(parents=True)
    (over / "cup_turntable").mkdir()
    for name in ("cup.png", "cup_sheet.png", "cup_turntable/frame.png", "views/cup.png"):
        shutil.copy(quarters, over / name)
    (over / "cup.exr").write_bytes(quarters.read_bytes())  # only its place matters: nothing is read
    cup = over / "cup.png"

    runs = {
        "over_picture": words(cup, to="over", more=["--format", "obj", "--no-sheet"]),
        "over_picture_in_words": [
            "generate",
            str(cup),
            "-o",
            str(folder / "a" / ".." / "over"),
            "--format",
            "blend,obj",
        ],
        "over_mask": words(cup, to="over", more=["--exr", "--no-sheet", "--mask", str(over / "cup.exr")]),
        "over_other_picture": words(cup, over / "cup_sheet.png", to="over", more=["--format", "blend"]),
        "over_frames": words(cup, over / "cup_turntable" / "frame.png", to="over", more=["--turntable", "4"]),
        "over_pictures": ["batch", str(over), "-o", str(over), *QUICK],
        "both": words(PICTURE, more=["--format", "blend,glb", "--json"]),
        "quarters": words(quarters, to="quarters"),
        "plain": words(quarters, to="plain", more=["--depth", "1", "--no-sheet"]),
        "usdz": words(quarters, to="usdz", more=["--format", "usdz", "--no-sheet"]),
        "twins": words(*twins, to="twins", more=["--format", "blend,obj", "--no-sheet", "--json"]),
        "one_fails": words(quarters, none, PICTURE, to="one_fails", more=["--no-sheet", "--json"]),
        "missing": words(none),
        "no_picture": words(text),
        "no_model": words(quarters, more=["--model", "instant-mesh-large", "--json"]),
        "out_of_range": words(quarters, more=["--depth", "9"]),
        "unwritable": words(quarters, to="file"),
        "unwritable_below": words(quarters, to="file/below"),
        "unwritable_batch": ["batch", str(folder / "a"), "-o", str(folder / "file"), *QUICK, "--json"],
        "unknown_option": words(quarters, more=["--paint", "3"]),
        "unknown_format": words(quarters, more=["--format", "blend,dxf"]),
        "bad_number": words(quarters, more=["--grid", "many"]),
        "gpu_check": ["gpu-check", "--devices", "cpu"],
        "gpu_check_as_json": ["gpu-check", "--devices", "cpu", "--json"],
        "gpu_check_of_no_device": ["gpu-check", "--devices", "cpu:7"],
        "profile": ["profile", "--devices", "cpu", "--model", "preview", "--quick"],
        "profile_as_json": ["profile", "--devices", "cpu", "--model", "preview", "--quick", "--json"],
        "no_command": [],
        "other_command": ["paint", str(folder)],
        "mask_file": words(
            quarters, to="mask", more=["--mask", str(quarters), "--mask-invert", "--no-sheet", "--json"]
        ),
    }
    (folder / "runs.json").write_text(json.dumps(runs))
    return facts_of("command", folder)


def answers(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run["output"].splitlines()]


def test_answer_has_what_the_other_command_line_says(facts: dict[str, Any], folder: Path) -> None:
    assert facts["both"]["status"] == 0
    (answer,) = answers(facts["both"])
    assert answer["picture"] == str(PICTURE)
    assert answer["ok"] is True
    names = ["chicken_cut_out.blend", "chicken_cut_out.glb", "chicken_cut_out_sheet.png"]
    assert answer["files"] == [str(folder / "out" / name) for name in names]
    assert [stage["name"] for stage in answer["stages"]] == [
        "foreground",
        "reconstruct",
        "surface",
        "simplify",
        "texture",
    ]
    assert (answer["watertight"], answer["manifold"], answer["seed"]) == (True, True, None)
    assert answer["vertices"] > 100
    assert answer["faces"] > 200
    assert answer["components"] >= 1
    assert answer["plan"]


def test_blend_holds_the_object_alone_with_its_texture(facts: dict[str, Any]) -> None:
    assert facts["blend"] == {
        "scene": ["chicken_cut_out"],
        "collections": ["Relievo"],
        "packed": True,
        "picture": "chicken_cut_out.png",
        "picture_is_kept": True,
    }


def test_only_the_files_are_left(facts: dict[str, Any], folder: Path) -> None:
    assert facts["both"]["status"] == 0
    assert sorted(file.name for file in (folder / "out").iterdir()) == [
        "chicken_cut_out.blend",
        "chicken_cut_out.glb",
        "chicken_cut_out_sheet.png",
    ]


def test_blend_is_written_where_no_format_is_named(facts: dict[str, Any], folder: Path) -> None:
    assert facts["plain"]["status"] == 0
    assert [file.name for file in (folder / "plain").iterdir()] == ["quarters.blend"]


def test_usdz_is_read_by_the_library_of_its_format(facts: dict[str, Any], folder: Path) -> None:
    from pxr import Usd, UsdGeom, UsdShade

    assert facts["usdz"]["status"] == 0, facts["usdz"]["errors"]
    (file,) = (folder / "usdz").iterdir()
    assert file.name == "quarters.usdz"
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist()[0] == "quarters.usdc"
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        assert b"relievo_picture_sha256: " in archive.comment
    stage = Usd.Stage.Open(str(file))
    assert (UsdGeom.GetStageUpAxis(stage), UsdGeom.GetStageMetersPerUnit(stage)) == ("Y", 1.0)
    (mesh,) = (UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))
    seen = UsdGeom.Imageable(mesh).ComputeWorldBound(0, "default").ComputeAlignedRange().GetSize()
    assert seen[0] > 1.2 * seen[1] > 0  # the disc is wide, and stands upright
    assert set(mesh.GetFaceVertexCountsAttr().Get()) == {3}
    shaders = [UsdShade.Shader(prim) for prim in stage.Traverse() if prim.IsA(UsdShade.Shader)]
    (texture,) = (shader for shader in shaders if shader.GetIdAttr().Get() == "UsdUVTexture")
    assert Path(texture.GetInput("file").Get().resolvedPath.partition("[")[2].rstrip("]")).suffix == ".png"


def test_text_names_the_picture_and_the_file(facts: dict[str, Any], folder: Path) -> None:
    first, second, note, third = facts["plain"]["output"].splitlines()
    assert first.startswith(str(folder / "quarters.png"))
    assert "  watertight, manifold, 1 component, Euler number 2" in second
    assert "seems to be pixel art" in note  # of four colors, and 96 pixels high
    assert third.strip() == str(folder / "plain" / "quarters.blend")


def test_pictures_of_one_name_do_not_overwrite_each_other(facts: dict[str, Any], folder: Path) -> None:
    assert facts["twins"]["status"] == 0
    names = {file.name for file in (folder / "twins").iterdir()}
    assert {f"{name}.{kind}" for name in ("twin", "twin_2", "twin.v2") for kind in ("blend", "obj")} <= names


def test_failing_picture_does_not_stop_the_rest(facts: dict[str, Any], folder: Path) -> None:
    assert facts["one_fails"]["status"] == 5
    assert [answer["ok"] for answer in answers(facts["one_fails"])] == [True, False, True]
    names = {file.name for file in (folder / "one_fails").iterdir()}
    assert names == {"quarters.blend", "chicken_cut_out.blend"}


@pytest.mark.parametrize(
    ("run", "status", "code"),
    [("missing", 3, "io"), ("no_picture", 2, "invalid_image")],
)
def test_failure_has_code_message_hint_and_status(facts: dict[str, Any], run: str, status: int, code: str) -> None:
    (answer,) = answers(facts[run])
    assert (facts[run]["status"], answer["ok"], answer["error"]["code"]) == (status, False, code)
    assert answer["error"]["message"]
    assert answer["error"]["hint"]


def test_what_is_in_the_way_is_left_alone(facts: dict[str, Any], folder: Path) -> None:
    assert facts["unwritable"]["status"] == 3
    assert (folder / "file").read_text() == "keep me"


@pytest.mark.parametrize(
    ("run", "status", "word"),
    [
        ("no_model", 4, "instant-mesh-large"),
        ("out_of_range", 2, "depth"),
        ("unknown_option", 2, "--paint"),
        ("unknown_format", 2, "dxf"),
        ("bad_number", 2, "--grid"),
        ("unwritable", 3, "folder"),
        ("unwritable_below", 3, "folder"),
        ("unwritable_batch", 3, "folder"),
        ("gpu_check_of_no_device", 2, "Unknown device 'cpu:7'"),
        ("no_command", 2, "COMMAND"),
        ("other_command", 2, "paint"),
    ],
)
def test_words_that_cannot_be_used_are_named(facts: dict[str, Any], run: str, status: int, word: str) -> None:
    assert facts[run]["status"] == status
    assert word in facts[run]["errors"]
    assert facts[run]["output"] == ""


OVER = ("cup.exr", "cup.png", "cup_sheet.png", "cup_turntable/frame.png", "views/cup.png")


@pytest.mark.parametrize(
    "run", ["over_picture", "over_picture_in_words", "over_mask", "over_other_picture", "over_frames"]
)
def test_input_is_never_overwritten(facts: dict[str, Any], folder: Path, run: str) -> None:
    assert facts[run]["status"] == 0, facts[run]["errors"]
    assert {(folder / "over" / name).read_bytes() for name in OVER} == {(folder / "quarters.png").read_bytes()}


def test_result_whose_sheet_would_be_an_input_is_numbered(facts: dict[str, Any], folder: Path) -> None:
    written = [line.strip() for line in facts["over_other_picture"]["output"].splitlines()]
    assert str(folder / "over" / "cup_2_sheet.png") in written
    assert str(folder / "over" / "cup_sheet.png") not in written


def test_results_do_not_lie_among_the_pictures(facts: dict[str, Any]) -> None:
    assert facts["over_pictures"]["status"] == 2
    assert "among the pictures" in facts["over_pictures"]["errors"]


def test_answer_has_the_keys_that_the_native_program_gives(facts: dict[str, Any], tmp_path: Path) -> None:
    (ours,) = answers(facts["quarters"])
    command = [
        str(Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo"),
        "generate",
        ours["picture"],
        "-o",
        str(tmp_path),
        *QUICK,
        "--json",
    ]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert ours.keys() == theirs.keys()
    assert [stage.keys() for stage in ours["stages"]] == [stage.keys() for stage in theirs["stages"]]
    assert (ours["euler"], ours["lossy"]) == (2, False)
    assert ours["notes"] == theirs["notes"]
    assert {stage["batch"] for stage in ours["stages"]} == {1}


def test_gpu_check_says_what_the_program_says(facts: dict[str, Any]) -> None:
    told = json.loads(facts["gpu_check_as_json"]["output"])
    programs = subprocess.run([PROGRAM, "gpu-check", "--devices", "cpu", "--json"], capture_output=True, check=True)
    named = [[check["name"] for check in each["checks"]] for each in (told, json.loads(programs.stdout))]
    assert named[0] == named[1]
    lines = facts["gpu_check"]["output"].splitlines()
    assert [line.split()[0] for line in lines if " at most " in line] == ["ok"] * len(told["checks"])
    assert (facts["gpu_check"]["status"], facts["gpu_check_as_json"]["status"], told["failed"]) == (0, 0, 0)


def test_devices_are_checked_at_a_click(tmp_path: Path) -> None:
    facts = facts_of("checking_devices", tmp_path)
    assert facts == {
        "ended": ["FINISHED"],
        "answer": f"{facts['checks']} checks, 0 failed: the report is in the clipboard.",
        "checks": facts["checks"],
    }
    assert facts["checks"] >= 9


def test_profile_measures_every_stage(facts: dict[str, Any]) -> None:
    (kind,) = answers(facts["profile_as_json"])
    assert (kind["device"], kind["model"]) == ("cpu", "preview")
    assert {sample["stage"] for sample in kind["samples"]} == {
        "foreground",
        "reconstruct",
        "surface",
        "simplify",
        "texture",
    }
    assert Path(kind["kept_in"]).is_file()
    lines = facts["profile"]["output"].splitlines()
    assert lines[0].startswith("cpu: ") and lines[0].endswith("model preview")
    assert len(lines) == len(kind["samples"]) + 2
    assert (facts["profile"]["status"], facts["profile_as_json"]["status"]) == (0, 0)


def test_devices_are_measured_at_a_click(tmp_path: Path) -> None:
    facts = facts_of("measuring_devices", tmp_path)
    assert facts["ended"] == ["FINISHED"]
    assert facts["answer"].startswith("Measured: ") and facts["answer"].endswith("Plans count with it from now on.")
    assert "Costs are estimated" in facts["before"]
    assert "Costs are measured." in facts["after"]


def test_mask_from_a_file_turned_inside_out(facts: dict[str, Any]) -> None:
    assert facts["mask_file"]["status"] == 0
    (answer,) = answers(facts["mask_file"])
    (plain,) = answers(facts["quarters"])
    assert answer["vertices"] != plain["vertices"]


def test_every_worker_has_work_while_results_are_written(tmp_path: Path) -> None:
    seen = facts_of("ahead", tmp_path)
    assert (seen["workers"], seen["status"]) == (2, 0)
    assert seen["counts"] == [5, 6, 7, 7, 7, 7, 7]


def batch_folder(tmp_path: Path, pictures: int) -> Path:
    source = tmp_path / "in"
    source.mkdir()
    for i in range(pictures):
        write_quarters(source / f"{i}.PNG")
    (source / "notes.txt").write_text("no picture")
    return source


def batch_words(source: Path, output: Path, *more: str) -> list[str]:
    return ["batch", str(source), "-o", str(output), *QUICK, "--format", "blend,glb", "--json", *more]


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("batches")
    source, out = batch_folder(folder, 2), folder / "out"
    (source / "bad.jpg").write_text("this is no picture\n" * 20)
    manifest = folder / "list.json"
    entries = ["in/0.PNG", {"picture": "in/0.PNG", "name": "named", "settings": {"depth": 0.5, "mask": "in/1.PNG"}}]
    manifest.write_text(json.dumps({"settings": {"grid": 16}, "pictures": entries}))
    (folder / "wrong.json").write_text(json.dumps({"settings": {"fases": 3}, "pictures": ["in/0.PNG"]}))
    (folder / "empty").mkdir()
    runs = {
        "first": batch_words(source, out),
        "second": batch_words(source, out),
        "other_settings": batch_words(source, out, "--depth", "0.5", "--no-sheet"),
        "again": batch_words(source, out, "--depth", "0.5", "--no-sheet", "--again"),
        "manifest": batch_words(manifest, folder / "from_manifest", "--no-sheet"),
        "wrong": batch_words(folder / "wrong.json", out),
        "empty": batch_words(folder / "empty", out),
        "missing": batch_words(folder / "none.json", out),
    }
    (folder / "runs.json").write_text(json.dumps(runs))
    facts = facts_of("command", folder)
    facts["files"] = sorted(file.name for file in out.iterdir())
    return facts


def test_batch_makes_the_pictures_of_a_folder_and_tells_what_failed(batches: dict[str, Any]) -> None:
    assert batches["first"]["status"] == 5
    assert [(Path(a["picture"]).name, a["ok"]) for a in answers(batches["first"])] == [
        ("0.PNG", True),
        ("1.PNG", True),
        ("bad.jpg", False),
    ]
    assert "2 made, 0 already there, 1 failed" in batches["first"]["errors"]
    assert "bad.jpg" in batches["first"]["errors"]
    kinds = (".blend", ".glb", "_sheet.png", "_view.js")
    of_the_batch = ["batch.sqlite", "metrics.csv", "metrics.jsonl", "report.html"]
    expected = [f"{i}{kind}" for i in range(2) for kind in kinds] + [f"relievo-{name}" for name in of_the_batch]
    assert batches["files"] == sorted(expected)
    assert "Left out: 1 .txt file." in batches["first"]["errors"]


def test_batch_repeats_only_what_failed(batches: dict[str, Any]) -> None:
    first, second = answers(batches["first"]), answers(batches["second"])
    assert second[:2] == [{**answer, "skipped": True} for answer in first[:2]]
    assert "error" in second[2]
    assert "0 made, 2 already there, 1 failed" in batches["second"]["errors"]


def test_batch_with_other_settings_is_made_anew(batches: dict[str, Any]) -> None:
    for run in ("other_settings", "again"):
        assert "2 made, 0 already there, 1 failed" in batches[run]["errors"]


def test_manifest_names_pictures_and_their_settings(batches: dict[str, Any]) -> None:
    assert batches["manifest"]["status"] == 0, batches["manifest"]["errors"]
    first, second = answers(batches["manifest"])
    assert [Path(answer["files"][0]).name for answer in (first, second)] == ["0.blend", "named.blend"]
    assert first["vertices"] != second["vertices"]


@pytest.mark.parametrize(
    ("run", "status", "word"), [("wrong", 2, "fases"), ("empty", 2, "empty"), ("missing", 3, "none.json")]
)
def test_batch_that_cannot_be_is_named(batches: dict[str, Any], run: str, status: int, word: str) -> None:
    assert (batches[run]["status"], batches[run]["output"]) == (status, "")
    assert word in batches[run]["errors"]


def test_killed_batch_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed by SIGKILL once the first picture was told: what is finished then is not made again."""
    source, out = batch_folder(tmp_path, 6), tmp_path / "out"
    write_quarters(tmp_path / "quarters.png")
    command = [sys.executable, str(SCENARIOS), "command_alone", str(tmp_path), *batch_words(source, out, "--no-sheet")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as killed:
        assert killed.stdout is not None
        first = json.loads(killed.stdout.readline())
        killed.stdout.readline()  # the state of the first is written by now
        killed.kill()
    assert killed.returncode == -signal.SIGKILL
    times = {file: file.stat().st_mtime_ns for file in map(Path, first["files"])}
    ended = blender("command_alone", tmp_path, *batch_words(source, out, "--no-sheet"))
    assert ended.returncode == 0, ended.stderr
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert sorted(Path(answer["picture"]).name for answer in told) == [f"{i}.PNG" for i in range(6)]
    assert {**first, "skipped": True} in told
    assert 0 < len([answer for answer in told if "skipped" in answer]) < 6
    assert times == {file: file.stat().st_mtime_ns for file in times}
    assert not [file.name for file in out.iterdir() if "part" in file.name]


def test_standard_output_of_the_process_has_the_answers_only(tmp_path: Path) -> None:
    ended = blender("command_alone", tmp_path, "generate", str(PICTURE), "-o", str(tmp_path / "out"), *QUICK, "--json")
    assert ended.returncode == 0, ended.stderr
    (line,) = ended.stdout.splitlines()
    assert json.loads(line)["ok"] is True
    assert (tmp_path / "out" / "chicken_cut_out.blend").exists()


def test_ctrl_c_cancels_everything_and_leaves_nothing(tmp_path: Path) -> None:
    slow = ["--grid", "512", "--texture-size", "8192", "--json"]
    pictures = [str(PICTURE)] * 3
    ended = blender("command_alone", tmp_path, "interrupted", "generate", *pictures, "-o", str(tmp_path / "out"), *slow)
    assert ended.returncode == 130, ended.stderr
    assert [json.loads(line)["error"]["code"] for line in ended.stdout.splitlines()] == ["cancelled"]
    assert "Interrupted: 0 of 3 made, 0 failed, 3 left." in ended.stderr
    assert not list(tmp_path.glob("out/*"))


def test_a_signal_before_long_work_ends_it_at_once(extension_package: Path) -> None:
    console = importlib.import_module("relievo_zip.console")
    begun = False
    # A shell ignores the signal for what it runs in the background, tests included.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with console.Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            assert interrupts.status == 130
            with pytest.raises(KeyboardInterrupt), interrupts.raised():
                begun = True
    finally:
        signal.signal(signal.SIGINT, before)
    assert not begun


@pytest.mark.parametrize(("number", "status"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_while_a_turntable_is_written_ends_it(tmp_path: Path, number: str, status: int) -> None:
    long = ["--grid", "24", "--texture-size", "64", "--format", "glb", "--turntable", "3600", "--no-sheet"]
    words = [f"interrupted_by_{number}", "generate", str(PICTURE), "-o", str(tmp_path / "out"), *long]
    ended = blender("command_alone", tmp_path, *words)
    assert ended.returncode == status, ended.stderr
    assert "0 of 1 made, 0 failed, 1 left." in ended.stderr
    assert [file.suffix for file in tmp_path.glob("out/*")] == [".glb"]


@pytest.mark.parametrize("words", [["--help"], ["generate", "--help"]])
def test_help_that_cannot_be_written_is_an_error(tmp_path: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = blender("command_alone", tmp_path, *words, stdout=full)
    assert ended.returncode == 3
    assert "Cannot write to standard output: No space left on device." in ended.stderr


def test_answers_that_cannot_be_written_are_an_error_and_the_picture_is_made(tmp_path: Path) -> None:
    quick = ["--grid", "24", "--texture-size", "64", "--format", "glb", "--json", "--no-sheet"]
    with Path("/dev/full").open("w") as full:
        words = ["generate", str(PICTURE), "-o", str(tmp_path / "out"), *quick]
        ended = blender("command_alone", tmp_path, *words, stdout=full)
    assert ended.returncode == 3
    assert "Cannot write to standard output: No space left on device." in ended.stderr
    assert len(list(tmp_path.glob("out/*.glb"))) == 1

"""The headless command, its exit statuses and its JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from test_extension import PICTURE, blender, facts_of, write_quarters

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
        return ["generate", *map(str, pictures), "-o", str(folder / to), *QUICK, *(more or ["--json"])]

    runs = {
        "both": words(PICTURE, more=["--format", "blend,glb", "--json"]),
        "quarters": words(quarters, to="quarters"),
        "plain": words(quarters, to="plain", more=["--depth", "1"]),
        "twins": words(*twins, to="twins", more=["--format", "blend,obj", "--json"]),
        "one_fails": words(quarters, none, PICTURE, to="one_fails"),
        "missing": words(none),
        "no_picture": words(text),
        "no_model": words(quarters, more=["--model", "instant-mesh-large", "--json"]),
        "out_of_range": words(quarters, more=["--depth", "9"]),
        "unwritable": words(quarters, to="file"),
        "unwritable_below": words(quarters, to="file/below"),
        "unknown_option": words(quarters, more=["--seed", "3"]),
        "unknown_format": words(quarters, more=["--format", "blend,fbx"]),
        "bad_number": words(quarters, more=["--grid", "many"]),
        "no_command": [],
        "other_command": ["batch", str(folder)],
        "mask_file": words(quarters, to="mask", more=["--mask", str(quarters), "--mask-invert", "--json"]),
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
    assert answer["files"] == [str(folder / "out" / f"chicken_cut_out.{kind}") for kind in ("blend", "glb")]
    assert [stage["name"] for stage in answer["stages"]] == ["foreground", "reconstruct", "surface", "texture"]
    assert (answer["watertight"], answer["manifold"], answer["seed"]) == (True, True, None)
    assert answer["vertices"] > 100
    assert answer["faces"] > 200
    assert answer["components"] >= 1
    assert answer["plan"]


def test_blend_holds_the_object_alone_with_its_texture(facts: dict[str, Any]) -> None:
    assert facts["blend"] == {"scene": ["chicken_cut_out"], "collections": ["Relievo"], "packed": True}


def test_only_the_files_are_left(facts: dict[str, Any], folder: Path) -> None:
    assert facts["both"]["status"] == 0
    assert sorted(file.name for file in (folder / "out").iterdir()) == ["chicken_cut_out.blend", "chicken_cut_out.glb"]


def test_blend_is_written_where_no_format_is_named(facts: dict[str, Any], folder: Path) -> None:
    assert facts["plain"]["status"] == 0
    assert [file.name for file in (folder / "plain").iterdir()] == ["quarters.blend"]


def test_text_names_the_picture_and_the_file(facts: dict[str, Any], folder: Path) -> None:
    first, second = facts["plain"]["output"].splitlines()
    assert first.startswith(str(folder / "quarters.png"))
    assert second.strip() == str(folder / "plain" / "quarters.blend")


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
    [("missing", 3, "io"), ("no_picture", 2, "invalid_image"), ("unwritable", 3, "io"), ("unwritable_below", 3, "io")],
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
        ("unknown_option", 2, "--seed"),
        ("unknown_format", 2, "fbx"),
        ("bad_number", 2, "--grid"),
        ("no_command", 2, "COMMAND"),
        ("other_command", 2, "batch"),
    ],
)
def test_words_that_cannot_be_used_are_named(facts: dict[str, Any], run: str, status: int, word: str) -> None:
    assert facts[run]["status"] == status
    assert word in facts[run]["errors"]
    assert facts[run]["output"] == ""


def test_mask_from_a_file_turned_inside_out(facts: dict[str, Any]) -> None:
    assert facts["mask_file"]["status"] == 0
    (answer,) = answers(facts["mask_file"])
    (plain,) = answers(facts["quarters"])
    assert answer["vertices"] != plain["vertices"]


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
    assert not list(tmp_path.glob("out/*"))

"""A farm's node that has the zip alone, without a window: from nothing to a batch and its report."""

from __future__ import annotations

import json
import re
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from in_blender import facts_of, write_quarters
from relievo import _runtime

QUICK = ["--grid", "24", "--texture-size", "64"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("node")


def libtorch(folder: Path) -> Path:
    """The environment's LibTorch in one folder, as a studio's share has it."""
    folder.mkdir()
    place = Path(sysconfig.get_path("purelib"))
    for name in _runtime.LIBRARIES:
        (found,) = [file for at in ("torch/lib", "nvidia/cu13/lib") if (file := place / at / name).exists()][:1]
        (folder / name).symlink_to(found)
    return folder


@pytest.fixture(scope="module")
def facts(folder: Path) -> dict[str, Any]:
    source = folder / "in"
    source.mkdir()
    write_quarters(source / "cup.png")
    out = folder / "out"
    batch = ["batch", str(source), "-o", str(out), *QUICK, "--format", "blend,glb"]
    meshes = [str(out / "cup.glb")]
    runs = {
        "before": ["models", "list"],
        "offline": ["setup"],
        "setup": ["setup", "--from", str(libtorch(folder / "libtorch")), "--json"],
        "setup_again": ["setup"],
        "setup_from_nothing": ["setup", "--from", str(source)],
        "models": ["models", "list", "--json"],
        "fetch": ["models", "fetch", "instant-mesh-base"],
        "devices": ["devices", "--json"],
        "plan": ["plan", "--model", "preview", "--images", "9", "--json"],
        "dry_run": [*batch, "--dry-run", "--json"],
        "batch": [*batch, "--require", "watertight", "--json"],
        "check": ["check", *meshes, "--require", "watertight,one-piece", "--json"],
        "late": [*batch, "--until", "25:00"],
        "help": ["--help"],
        "help_of_plan": ["plan", "--help"],
    }
    (folder / "runs.json").write_text(json.dumps(runs))
    return facts_of("node", folder, seconds=900)


def answers(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run["output"].splitlines()]


def test_what_needs_libtorch_says_how_to_get_it(facts: dict[str, Any]) -> None:
    assert facts["before"]["status"] == 3
    assert "LibTorch was not found." in facts["before"]["errors"]
    assert "-c relievo setup" in facts["before"]["errors"]
    assert facts["offline"]["status"] == 3
    assert "Blender may not go online." in facts["offline"]["errors"]
    assert "--online-mode" in facts["offline"]["errors"] and "--from" in facts["offline"]["errors"]


def test_setup_takes_libtorch_from_a_share(facts: dict[str, Any], folder: Path) -> None:
    assert facts["setup"]["status"] == 0, facts["setup"]["errors"]
    (told,) = answers(facts["setup"])
    assert told["libtorch"] == str(folder / "libtorch")
    assert facts["setup_again"]["status"] == 0
    assert f"in '{folder / 'libtorch'}' is ready." in facts["setup_again"]["output"]
    assert facts["setup_from_nothing"]["status"] == 3
    assert "There is no LibTorch in" in facts["setup_from_nothing"]["errors"]


def test_node_is_asked_in_the_programs_words(facts: dict[str, Any]) -> None:
    assert "instant-mesh-base" in [model["name"] for model in answers(facts["models"])]
    (devices,) = answers(facts["devices"])
    assert "cpu" in devices and "allocator" in devices
    (plan,) = answers(facts["plan"])
    assert (plan["pictures"], plan["model"]) == (9, "preview")
    assert plan["seconds"] > 0


def test_nothing_is_fetched_where_blender_may_not_go_online(facts: dict[str, Any]) -> None:
    assert facts["fetch"]["status"] == 3
    assert "Blender may not go online." in facts["fetch"]["errors"]


def test_batch_is_planned_made_checked_and_reported(facts: dict[str, Any], folder: Path) -> None:
    planned, taken = answers(facts["dry_run"])
    assert planned["result"] == str(folder / "out" / "cup")
    assert (taken["pictures"], taken["costs"] in ("measured", "estimated")) == (1, True)
    assert facts["batch"]["status"] == 0, facts["batch"]["errors"]
    (made,) = answers(facts["batch"])
    assert {Path(file).name for file in made["files"]} == {"cup.blend", "cup.glb", "cup_sheet.png"}
    assert "watertight" in made["met"]
    rows = (folder / "out" / "relievo-metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["state"] for row in rows] == ["made"]
    assert '"thumbnail":"' in (folder / "out" / "relievo-report.html").read_text()
    (checked,) = answers(facts["check"])
    assert (facts["check"]["status"], checked["unmet"], checked["faces"]) == (0, [], made["faces"])


def test_words_that_cannot_be_used_are_named(facts: dict[str, Any]) -> None:
    assert facts["late"]["status"] == 2
    assert "Invalid time '25:00'." in facts["late"]["errors"]


def test_help_lists_every_command(facts: dict[str, Any]) -> None:
    for name in ("generate", "batch", "setup", "models", "devices", "plan", "profile", "check", "gpu-check"):
        assert re.search(rf"^    {name}\b", facts["help"]["output"], re.MULTILINE), name
    assert "--images" in facts["help_of_plan"]["output"]

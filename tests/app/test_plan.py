"""`relievo plan` and `relievo profile`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build")) / "relievo"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def relievo(cache: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"XDG_CACHE_HOME": str(cache), "RELIEVO_MODELS": str(cache / "no-models")}
    return subprocess.run(
        [str(PROGRAM), *words], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, env=environment
    )


def plan(cache: Path, *words: str) -> dict[str, Any]:
    done = relievo(cache, "plan", "--json", *words)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def test_a_machine_that_is_not_there_is_planned_with_the_pipelines_own_costs(cache: Path) -> None:
    made = plan(cache, "--devices", "8x80GiB,2x24GiB", "--images", "10000")
    assert made["done"] == 10000
    assert made["costs"] == "estimated"
    assert len(made["devices"]) == 10
    stages = {placement["stage"] for group in made["groups"] for placement in group["stages"]}
    assert stages == {"foreground", "condition", "diffusion", "decode", "reconstruct", "surface", "simplify", "texture"}
    for device in made["devices"]:
        assert 0 < device["peak_bytes"] <= device["budget_bytes"]
        assert 0.9 < device["utilisation"] <= 1
    # Steps and sizes count; a slower machine takes longer.
    fewer = plan(cache, "--devices", "8x80GiB,2x24GiB", "--images", "10000", "--steps", "30")
    assert fewer["seconds"] < 0.6 * made["seconds"]
    slower = plan(cache, "--devices", "8x80GiB@0.5,2x24GiB@0.5", "--images", "10000")
    assert slower["seconds"] > 1.7 * made["seconds"]


def test_a_cluster_of_a_thousand_gpus_is_planned_and_says_what_it_assumes(cache: Path) -> None:
    words = ["--devices", "8x80GiB", "--nodes", "125", "--images", "10000"]
    made = plan(cache, *words)
    assert made["done"] == 10000
    assert len(made["devices"]) == 1000
    assert made["devices"][-1]["device"] == "node124:80GiB#7"
    one = plan(cache, "--devices", "8x80GiB", "--images", "80")
    assert made["seconds"] == pytest.approx(one["seconds"], rel=0.1)
    for group in made["groups"]:
        assert len({name.split(":")[0] for stage in group["stages"] for name in stage["devices"]}) == 1
    for fact in (
        "60 TFLOP/s",
        "12 GB a second",
        "125 machines take pictures from one queue",
        "first time",
        "none fails",
    ):
        assert any(fact in each for each in made["assumptions"]), fact
    # The same in a text that a person can read.
    text = relievo(cache, "plan", *words).stdout
    assert "1000 of 80GiB" in text
    assert len(text.splitlines()) < 40
    assert "~ A device of speed 1 does 60 TFLOP/s" in text
    idle = relievo(cache, "plan", "--devices", "8x80GiB", "--nodes", "125", "--images", "1").stdout
    assert len(idle.splitlines()) < 40
    assert "are left idle" in idle
    many = relievo(cache, "plan", "--devices", "8x80GiB", "--nodes", "126")
    assert many.returncode == 2
    assert "126 nodes of '8x80GiB' have too many devices. Use at most 1000." in " ".join(many.stderr.split())
    real = relievo(cache, "plan", "--devices", "cpu", "--nodes", "2")
    assert real.returncode == 2
    assert "Invalid --nodes '2'" in real.stderr
    assert plan(cache, "--model", "preview", "--devices", "cpu")["assumptions"] == []


def test_a_lost_device_a_straggler_and_a_slow_link_are_simulated(cache: Path) -> None:
    words = ["--devices", "2x80GiB", "--images", "200", "--strategy", "data"]
    made = plan(cache, *words)
    lost = plan(cache, *words, "--lose", "80GiB#1=100")
    assert lost["done"] == 200
    assert lost["redone"] >= 1
    assert lost["devices"][1]["pictures"] < lost["devices"][0]["pictures"]
    assert lost["seconds"] > 1.5 * made["seconds"]
    slow = plan(cache, *words, "--slow", "80GiB#1=3")
    assert slow["devices"][0]["pictures"] == pytest.approx(150, abs=6)
    # Weights come in for every batch, so that it takes many pictures until that is felt.
    offload = ["--devices", "1x80GiB", "--images", "100", "--strategy", "offload"]
    assert plan(cache, *offload, "--bandwidth", "1")["seconds"] > plan(cache, *offload)["seconds"] + 5


def test_a_profile_is_kept_and_planned_with(cache: Path) -> None:
    assert plan(cache, "--model", "preview", "--devices", "cpu")["costs"] == "estimated"
    done = relievo(cache, "profile", "--quick", "--json", "--devices", "cpu")
    assert done.returncode == 0, done.stderr
    assert "only 'preview' is profiled" in done.stderr
    report = json.loads(done.stdout)
    assert report["model"] == "preview"
    assert Path(report["kept_in"]).is_relative_to(cache)
    stages = {sample["stage"] for sample in report["samples"]}
    assert stages == {"foreground", "reconstruct", "surface", "simplify", "texture"}
    largest = {stage: max(s["workspace_bytes"] for s in report["samples"] if s["stage"] == stage) for stage in stages}
    assert largest["foreground"] > 1 << 20
    assert largest["texture"] > 1 << 20
    made = plan(cache, "--model", "preview", "--devices", "cpu")
    assert made["costs"] == "measured"
    assert "Costs are measured." in made["reasons"]
    peak = max(s["workspace_bytes"] + s["weight_bytes"] for s in report["samples"])
    # A plan holds for the largest picture that is kept in memory, which those that are profiled with are not: 24 bytes
    # a pixel, eight times as many pixels as the texture has.
    largest_picture = 24 * 8 * 1024**2
    assert 0.9 * peak <= made["devices"][0]["peak_bytes"] <= 1.1 * peak + largest_picture


def test_a_model_that_is_not_here_cannot_be_profiled(cache: Path) -> None:
    done = relievo(cache, "profile", "--model", "instant-mesh-base")
    assert done.returncode == 4
    assert "fetch" in done.stderr


def test_the_old_name_of_profile_is_understood(cache: Path) -> None:
    done = relievo(cache, "calibrate", "--quick", "--json", "--devices", "cpu", "--model", "preview")
    assert done.returncode == 0, done.stderr
    assert "'relievo calibrate' is called 'relievo profile' now." in done.stderr
    assert json.loads(done.stdout)["model"] == "preview"
    shown = relievo(cache, "--help").stdout
    assert "  profile " in shown
    assert "calibrate" not in shown


def test_a_faster_link_makes_shared_layers_faster(cache: Path) -> None:
    words = ["--devices", "2x24GiB", "--strategy", "split"]
    slow, fast = (plan(cache, *words, "--link", f"24GiB#0+24GiB#1={rate}") for rate in ("0.5", "300"))
    assert {link["bytes_per_second"] for link in fast["links"]} == {300e9}
    assert len(fast["links"]) == 2
    assert fast["planned_s"] < slow["planned_s"]
    table = relievo(cache, "plan", *words, "--link", "all=25").stdout
    assert "GB/s to" in table and table.count(" 25.0") == 2
    refused = relievo(cache, "plan", *words, "--link", "24GiB#0=3")
    assert refused.returncode == 2
    assert "Invalid --link '24GiB#0=3'" in refused.stderr


def test_a_plan_says_which_device_is_idle_and_what_limits_it(cache: Path) -> None:
    made = plan(cache, "--devices", "2x80GiB,1x1MiB", "--images", "1")
    assert [(each["device"], each["reason"]) for each in made["idle"]] == [("1MiB.1#0", "nothing fits")]
    assert made["speed_up"]["expected"] > 1
    assert "which 80GiB#0 computes alone" in made["speed_up"]["limit"]
    for text in (*made["reasons"], *made["refused"]):
        assert "relievo profile" not in text

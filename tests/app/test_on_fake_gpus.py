"""The program as a process of its own, with the tiny models, on GPUs that are not there (tests/native/fake_cuda)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
PROGRAM = BUILD / "relievo_on_fake_gpus"
SETTINGS = [
    "--model",
    "instant-mesh-base",
    "--steps",
    "2",
    "--input-size",
    "64",
    "--grid",
    "20",
    "--texture-size",
    "64",
    "--no-sheet",
    "--json",
]


def relievo(*words: str | Path, gpus: list[dict[str, Any]], **driver: int) -> subprocess.CompletedProcess[str]:
    wanted = json.dumps({"gpus": gpus, **driver})
    return subprocess.run(
        [str(PROGRAM), *map(str, words)],
        env=os.environ | {"RELIEVO_FAKE_GPUS": wanted},
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for name, colour in (("red", (220, 90, 60, 255)), ("blue", (60, 90, 220, 255))):
        image = Image.new("RGBA", (48, 48))
        ImageDraw.Draw(image).ellipse((6, 4, 40, 44), fill=colour)
        paths.append(tmp_path / f"{name}.png")
        image.save(paths[-1])
    return paths


def results(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_devices_and_the_plan_know_them() -> None:
    gpus: list[dict[str, Any]] = [
        {"gib": 24},
        {"gib": 16, "compute": [7, 0]},
        {"gib": 12, "compute": [7, 5], "others_gib": 2},
    ]
    told = json.loads(relievo("devices", "--json", gpus=gpus).stdout)
    assert [gpu["compute_capability"] for gpu in told["gpus"]] == ["8.6", "7.0", "7.5"]
    assert told["gpus"][2]["free_bytes"] == 10 << 30 and told["gpus"][2]["others_bytes"] == 2 << 30
    assert told["usable_gpus"] == 2 and told["driver"] == "580.65.06"
    planned = relievo("plan", "--json", "--model", "instant-mesh-base", "--images", "4", gpus=gpus)
    assert planned.returncode == 0, planned.stderr
    assert [device["device"] for device in json.loads(planned.stdout)["devices"]] == ["cuda:0", "cuda:2"]


def test_generate_uses_every_gpu_and_ends_in_files(pictures: list[Path], tmp_path: Path) -> None:
    done = relievo("generate", *pictures, "-o", tmp_path / "out", *SETTINGS, gpus=[{"gib": 16}, {"gib": 16}])
    assert done.returncode == 0, done.stderr
    used = set()
    for made in results(done):
        assert made["ok"] and made["watertight"]
        assert all(Path(file).stat().st_size > 0 for file in made["files"])
        used |= {device for stage in made["stages"] for device in stage["device"].split("+")}
    assert used == {"cuda:0", "cuda:1"}


def test_a_lost_card_leaves_its_picture_to_the_other(pictures: list[Path], tmp_path: Path) -> None:
    words: list[str | Path] = ["generate", *pictures, "-o", tmp_path / "out", "--strategy", "data", *SETTINGS]
    done = relievo(*words, gpus=[{"gib": 16, "falls_off_at": 300}, {"gib": 16}])
    assert done.returncode == 0, done.stderr
    assert [made["ok"] for made in results(done)] == [True, True]
    assert "cuda:0 is lost: CUDA error: an illegal memory access was encountered" in done.stderr


def test_a_kernel_that_traps_is_a_lost_device(pictures: list[Path], tmp_path: Path) -> None:
    done = relievo("generate", pictures[0], "-o", tmp_path / "out", *SETTINGS, gpus=[{"gib": 16, "traps_at": 2}])
    assert done.returncode == 3, done.stderr
    (made,) = results(done)
    assert made["error"]["code"] == "device_lost"
    assert made["error"]["message"].startswith("Every device was lost. cuda:0: ")
    assert "--devices cpu" in made["error"]["hint"]


@pytest.mark.parametrize("gib", [6, 4, 3, 2])
def test_a_small_budget_is_enough_or_is_said(pictures: list[Path], tmp_path: Path, gib: int) -> None:
    words: list[str | Path] = [
        "generate",
        pictures[0],
        "-o",
        tmp_path / "out",
        "--devices",
        f"cuda:0@{gib}GiB",
        *SETTINGS,
    ]
    done = relievo(*words, gpus=[{"gib": 16}])
    (made,) = results(done)
    assert done.returncode == 0 if made["ok"] else made["error"]["code"] == "out_of_memory" and done.returncode == 3
    assert made["ok"] or gib < 4


def test_gpu_check_passes_on_each() -> None:
    words = ["gpu-check", "--json", "--parts", "kernels"]
    done = relievo(*words, gpus=[{"gib": 16}, {"gib": 12, "compute": [7, 5]}])
    told = json.loads(done.stdout)
    failed = [check for check in told["checks"] if not check["ok"]]
    assert (done.returncode, failed) == (0, [])
    names = {device: [c["name"] for c in told["checks"] if c["device"] == device] for device in ("cuda:0", "cuda:1")}
    assert names["cuda:0"] == names["cuda:1"] and len(names["cuda:0"]) >= 9
    assert "expandable_segments" in told["allocator"]


def test_gpu_check_passes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEVO_PROGRAM", str(PROGRAM))  # which starts itself for each part
    done = relievo("gpu-check", "--json", "--size", "tiny", gpus=[{"gib": 16}])
    checks = json.loads(done.stdout)["checks"]
    assert (done.returncode, [check for check in checks if not check["ok"]]) == (0, []), done.stderr
    assert {"noise", "two pictures in one batch", "budget of 3 GiB", "a kernel that traps"} <= {
        c["name"] for c in checks
    }
    (as_graph,) = (check for check in checks if check["name"] == "guidance step as a graph")
    assert as_graph["number"] == 0 and "it/s" in as_graph["note"]


def test_gpu_check_goes_on_with_the_others_when_one_is_lost() -> None:
    words = ["gpu-check", "--json", "--parts", "kernels"]
    done = relievo(*words, gpus=[{"gib": 16, "fails_at": 200}, {"gib": 16}])
    told = json.loads(done.stdout)
    assert done.returncode == 1
    by_device = {device: [c for c in told["checks"] if c["device"] == device] for device in ("cuda:0", "cuda:1")}
    assert all(check["ok"] for check in by_device["cuda:1"])
    lost = [check for check in by_device["cuda:0"] if not check["ok"]]
    assert 0 < len(lost) < len(by_device["cuda:0"]) == len(by_device["cuda:1"])
    assert all(check["error"] and check["number"] is None for check in lost)
    assert [sorted(link) for link in told["links"]] == [["error", "from", "to"]] * 2


def test_what_is_wrong_with_the_driver_is_said_and_the_cpu_computes(pictures: list[Path], tmp_path: Path) -> None:
    words: list[str | Path] = ["generate", pictures[0], "-o", tmp_path / "out", *SETTINGS]
    done = relievo(*words, gpus=[{"gib": 16}], branch=570)
    assert done.returncode == 0, done.stderr
    assert {stage["device"] for stage in results(done)[0]["stages"]} == {"cpu"}
    what = "The NVIDIA driver 570 is too old for CUDA 13."
    assert f"{what} The CPU is used. Install NVIDIA's driver 580 or later." in done.stderr
    refused = relievo(*words, "--devices", "cuda:0", gpus=[{"gib": 16}], branch=570)
    assert refused.returncode == 2 and what in refused.stdout + refused.stderr
    assert what in relievo("devices", gpus=[{"gib": 16}], branch=570).stdout

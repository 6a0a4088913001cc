"""`relievo devices`, and the runtime's benches in their small configuration."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
PROGRAM, BENCH = BUILD / "relievo", BUILD / "relievo-bench"


def run(program: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *words], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False
    )


def told_by(program: Path, *words: str) -> str:
    done = run(program, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def relievo(*words: str) -> str:
    return told_by(PROGRAM, *words)


def test_gpu_check_compares_the_cpu_with_itself() -> None:
    told: dict[str, Any] = json.loads(relievo("gpu-check", "--devices", "cpu", "--json"))
    assert told["failed"] == 0 and len(told["checks"]) >= 9
    assert {check["device"] for check in told["checks"]} == {"cpu"}
    lines = relievo("gpu-check", "--devices", "cpu").splitlines()
    assert lines[0].startswith("relievo ") and lines[-1] == f"{len(told['checks'])} checks, 0 failed"
    assert [line.split()[0] for line in lines if " at most " in line] == ["ok"] * len(told["checks"])


def test_gpu_check_runs_the_parts_that_are_asked_for(tmp_path: Path) -> None:
    words = ("gpu-check", "--devices", "cpu", "--parts", "tiny,step,memory", "--size", "tiny")
    told: dict[str, Any] = json.loads(relievo(*words, "--json", "--report", str(tmp_path / "report.json")))
    names = [check["name"] for check in told["checks"]]
    assert names[:4] == [
        "tiny pipeline in float32",
        "two parts of the device",
        "two pictures in one batch",
        "tiny pipeline in half precision",
    ]
    assert "it/s" in {check["unit"] for check in told["checks"]} and "peak allocated" in names
    assert [check["ok"] for check in told["checks"]] == [True] * len(names) and told["failed"] == 0
    assert json.loads((tmp_path / "report.json").read_text()) == told
    assert not list(Path(tempfile.gettempdir()).glob("relievo-gpu-check-*/*")), "weights were left behind"


def test_a_part_of_a_check_tells_a_json_object_a_line() -> None:
    lines = relievo("gpu-check", "--devices", "cpu", "--parts", "golden", "--part-of-another").splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["golden in float32", "golden in half precision"]


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [("--parts", "kernels,speed", "Unknown part 'speed'."), ("--size", "huge", "Unknown size 'huge'.")],
)
def test_an_unknown_word_of_gpu_check_is_refused(option: str, value: str, told: str) -> None:
    done = run(PROGRAM, "gpu-check", option, value)
    assert done.returncode == 2
    assert told in done.stderr


def test_devices_tell_how_the_allocator_is_set_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTORCH_ALLOC_CONF", raising=False)
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF", raising=False)
    told = json.loads(relievo("devices", "--json"))["allocator"]
    assert told == {"settings": "expandable_segments:True", "why": "the policy 'fastest'"}
    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "max_split_size_mb:64")
    told = json.loads(relievo("devices", "--json"))["allocator"]
    assert told == {"settings": "max_split_size_mb:64", "why": "the environment's PYTORCH_ALLOC_CONF"}


def test_devices_are_told_as_the_kernel_tells_them() -> None:
    told: dict[str, Any] = json.loads(relievo("devices", "--json"))
    memory = {
        key: int(value.split()[0]) * 1024
        for key, value in (line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    }
    cpu = told["cpu"]
    assert cpu["total_bytes"] == memory["MemTotal"]
    assert 0 < cpu["free_bytes"] <= (cpu["cgroup_limit_bytes"] or memory["MemTotal"])
    assert 1 <= cpu["threads"] <= len(os.sched_getaffinity(0))
    assert len(told["gpus"]) >= told["usable_gpus"]
    if Path("/proc/driver/nvidia/version").exists():
        assert told["driver"]
    else:
        assert (told["driver"], told["gpus"], told["usable_gpus"]) == (None, [], 0)
    for check in told["checks"]:
        assert check["what"] and check["hint"]
    in_words = relievo("devices")
    assert f"{cpu['threads']} thread" in in_words
    for gpu in told["gpus"]:
        assert gpu["device"] in in_words


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("balance", {"pictures": 8}),
        ("fragmentation", {"full_size": False}),
    ],
)
def test_a_bench_of_the_runtime_runs_and_reports(name: str, facts: dict[str, Any]) -> None:
    report: dict[str, Any] = json.loads(told_by(BENCH, name, "--quick", "--json"))
    assert report["name"] == name
    assert facts.items() <= report.items()
    if name == "balance":
        fast, slow = report["made"]
        assert fast + slow == 8
        assert fast > slow > 0, "the queue is not shared by speed"
    else:
        settings = ("without_setting", "max_split_size", "expandable_segments")
        peaks = [report[key]["peak_allocated_bytes"] for key in settings]
        assert len(set(peaks)) == 1, "the same run was replayed"
        for key in settings:
            assert report[key]["peak_reserved_bytes"] >= peaks[0]
            assert not report[key]["out_of_memory"]


@pytest.mark.parametrize("name", ["step", "planes", "vae", "pipeline"])
def test_a_bench_of_networks_runs_alone(name: str) -> None:
    words = (name, "--quick", "--alone", "--precision", "fp32", "--repeats", "1", "--device", "cpu", "--json")
    report: dict[str, Any] = json.loads(told_by(BENCH, *words))
    assert (report["name"], report["device"], report["full_size"]) == (name, "cpu", False)
    assert report["it_per_s"] > 0 and report["ours_s"] > 0
    assert report["peak_reserved_bytes"] >= report["peak_allocated_bytes"] > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("atlas", "--device", "cuda:0"), "The bench 'atlas' runs on the processor only."),
        (("step", "--precision", "int8"), "Unknown precision 'int8'."),
        (("step", "--latents", "121x80"), "Invalid latents '121x80'."),
        (("step", "--latents", "big"), "Invalid latents 'big'."),
        (("step", "--repeats", "0"), "Invalid --repeats '0'."),
    ],
)
def test_an_option_of_a_bench_that_cannot_be_is_refused(words: tuple[str, ...], told: str) -> None:
    done = run(BENCH, *words)
    assert done.returncode == 2
    assert told in done.stderr


def test_the_bench_of_previews_measures_both_programs_and_their_textures() -> None:
    report: dict[str, Any] = json.loads(told_by(BENCH, "preview", "--quick", "--json", "--baseline", str(PROGRAM)))
    assert report["exact"]
    assert report["ratio"] == pytest.approx(report["other_cpu_s"] / report["ours_cpu_s"])
    (picture,) = report["pictures"]
    assert picture["same_geometry"]
    for side in (picture["ours"], picture["other"]):
        assert sum(side["stage_cpu_seconds"].values()) == pytest.approx(side["cpu_seconds"])
        assert 0.4 < side["coverage"] < 1
        assert 1 <= side["mean_stretch"] < 1.1
        assert 1 <= side["density_spread"] < 2
        assert side["faces"] > 1000


def test_an_unknown_bench_is_refused_with_the_names_of_all() -> None:
    done = run(BENCH, "nothing")
    assert done.returncode == 2
    assert "'nothing'" in done.stderr
    for name in ("balance", "checkpoint", "surface", "vae"):
        assert name in done.stderr


@pytest.mark.parametrize("threads", ["2.5", "0x10", "-1", "1025", "many"])
def test_a_number_of_a_bench_is_read_as_the_program_reads_it(threads: str) -> None:
    done = run(BENCH, "surface", "--threads", threads)
    assert done.returncode == 2
    assert f"Invalid --threads '{threads}'.\n  Use a whole number from 0 to 1024." in done.stderr


@pytest.mark.parametrize("words", [[], ["surface", "--quick", "--json"]])
def test_relievo_bench_says_where_it_went(words: list[str]) -> None:
    done = run(PROGRAM, "bench", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "relievo-bench" in done.stderr


def test_what_ships_knows_no_folder_of_the_source_tree() -> None:
    shipped = [PROGRAM, *(BUILD / "python").rglob("_native*.so")]
    assert len(shipped) > 1
    for file in shipped:
        strings = file.read_bytes()
        for folder in ("benchmarks", "models", "native", "tests"):
            assert str(ROOT / folder).encode() not in strings, f"{file.name} knows {folder}"

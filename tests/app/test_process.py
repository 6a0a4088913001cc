"""Signals, lost output, numbers and limits: what the program does where other programs ended with 0."""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import signal
import subprocess
from pathlib import Path

import pytest
from processes import ROOT, listens, seconds_computed, start, wait_for, with_default_signals
from test_cli import QUICK, disc, files_in, relievo

GOLDEN = ROOT / "tests" / "data" / "golden"
PICTURES = 8
INTERRUPTED = re.compile(r"Interrupted: (\d+) of (\d+) made, (\d+) failed, (\d+) left")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(PICTURES):
        (folder / f"p{i}.png").write_bytes(disc(64 + i))
    return folder


def words_of(command: str, pictures: Path) -> list[Path]:
    return [pictures] if command == "batch" else sorted(pictures.iterdir())


@pytest.mark.parametrize("command", ["generate", "batch"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_while_results_are_written_says_what_is_left(
    pictures: Path, tmp_path: Path, command: str, number: int, status: int
) -> None:
    out = tmp_path / "out"
    process = start(command, *words_of(command, pictures), "-o", out, *QUICK, "--turntable", "8", "--json")
    wait_for((out / "p0.glb").exists, process)
    process.send_signal(number)
    answers, said = process.communicate(timeout=60)
    assert process.returncode == status, said
    made = sum(json.loads(line)["ok"] for line in answers.splitlines())
    found = INTERRUPTED.search(said)
    assert found, said
    assert [int(n) for n in found.groups()] == [made, PICTURES, 0, PICTURES - made]
    assert made < PICTURES
    assert not [name for name in files_in(out) if ".part" in name]


def test_a_batch_that_was_interrupted_goes_on(pictures: Path, tmp_path: Path) -> None:
    words: tuple[str | Path, ...] = ("batch", pictures, "-o", tmp_path / "out", *QUICK, "--json")
    process = start(*words)
    wait_for((tmp_path / "out" / "p1.glb").exists, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    again = relievo(*words)
    assert again.returncode == 0, again.stderr
    answers = [json.loads(line) for line in again.stdout.splitlines()]
    assert len(answers) == PICTURES
    assert 0 < sum("skipped" in answer for answer in answers) < PICTURES


def test_signals_that_were_ignored_stay_ignored(pictures: Path, tmp_path: Path) -> None:
    def as_nohup() -> None:
        with_default_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    out = tmp_path / "out"
    process = start("generate", *words_of("generate", pictures), "-o", out, *QUICK, "--no-sheet", before=as_nohup)
    wait_for((out / "p0.glb").exists, process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=120)[1].count("Interrupted") == 0
    assert process.returncode == 0
    assert len(files_in(out)) == PICTURES


def test_the_second_signal_ends_the_program_at_once(pictures: Path, tmp_path: Path) -> None:
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    os.write(write, b"x" * 4096)  # whoever writes waits for a reader that never comes
    with os.fdopen(read, "rb"), os.fdopen(write, "wb", buffering=0) as pipe:
        words: tuple[str | Path, ...] = (
            "generate",
            *words_of("generate", pictures),
            "-o",
            tmp_path / "out",
            *QUICK,
            "--json",
        )
        process = start(*words, stdout=pipe)
        wait_for((tmp_path / "out" / "p0_sheet.png").exists, process)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 130


def test_a_turntable_hears_the_signal(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start("generate", pictures / "p0.png", "-o", out, *QUICK, "--no-sheet", "--turntable", "3600")
    wait_for((out / "p0.glb").exists, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "0 of 1 made, 0 failed, 1 left" in said
    assert files_in(out) == ["p0.glb"]


def test_an_interrupted_profile_says_what_is_left(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    process = start("profile", "--model", "preview", "--devices", "cpu", env=environment)
    wait_for(lambda: listens(process, signal.SIGINT), process)
    wait_for(lambda: seconds_computed(process) > 0.5, process)  # it measures by now
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Interrupted" in said
    assert not list(tmp_path.rglob("*.json"))


def test_a_command_without_pictures_is_interrupted() -> None:
    process = start("golden", GOLDEN)
    wait_for(lambda: listens(process, signal.SIGTERM), process)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert "Interrupted" in said


ANSWERS: dict[str, list[str | Path]] = {
    "version": ["--version"],
    "help": ["--help"],
    "help of a command": ["generate", "--help"],
    "models": ["models", "list"],
    "models in JSON": ["models", "list", "--json"],
    "a model": ["models", "verify", "preview", "--json"],
    "devices": ["devices"],
    "devices in JSON": ["devices", "--json"],
    "plan": ["plan", "--devices", "8x80GiB"],
    "plan in JSON": ["plan", "--devices", "8x80GiB", "--json"],
    "golden": ["golden", GOLDEN / "camera"],
    "golden in JSON": ["golden", GOLDEN / "camera", "--json"],
}


@pytest.mark.parametrize("where", ["full", "closed"])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_cannot_be_written_is_an_error(name: str, where: str) -> None:
    with Path("/dev/full").open("wb") as full:
        closed = start(*ANSWERS[name], stdout=full, before=(lambda: os.close(1)) if where == "closed" else lambda: None)
        said = closed.communicate(timeout=120)[1]
    assert closed.returncode != 0
    assert "Cannot write to standard output" in said
    assert ("No space left" if where == "full" else "Bad file descriptor") in said


@pytest.mark.parametrize("is_json", [True, False])
def test_pictures_are_made_though_their_answers_are_lost(pictures: Path, tmp_path: Path, is_json: bool) -> None:
    words: list[str | Path] = [
        "generate",
        *words_of("generate", pictures)[:3],
        "-o",
        tmp_path / "out",
        "--no-sheet",
        *QUICK,
    ]
    with Path("/dev/full").open("wb") as full:
        process = start(*words, *(["--json"] if is_json else []), stdout=full)
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 3
    assert said.count("Cannot write to standard output") == 1
    assert files_in(tmp_path / "out") == ["p0.glb", "p1.glb", "p2.glb"]


def test_closed_streams_do_not_end_up_in_the_results(pictures: Path, tmp_path: Path) -> None:
    def close_all() -> None:
        for stream in range(3):
            os.close(stream)

    process = start("generate", pictures / "p0.png", "-o", tmp_path / "out", *QUICK, before=close_all)
    process.communicate(timeout=120)
    assert process.returncode == 3
    mesh = (tmp_path / "out" / "p0.glb").read_bytes()
    assert mesh[:4] == b"glTF" and int.from_bytes(mesh[8:12], "little") == len(mesh)


REFUSED_NUMBERS = [
    ("--grid", "0x10", "8 to 512"),
    ("--grid", "1e2", "8 to 512"),
    ("--grid", "32.0", "8 to 512"),
    ("--grid", " 16", "8 to 512"),
    ("--grid", "16 ", "8 to 512"),
    ("--grid", "16;", "8 to 512"),
    ("--grid", "1_6", "8 to 512"),
    ("--grid", "٣٢", "8 to 512"),
    ("--seed", "", "0 to 2147483647"),
    ("--seed", "-", "0 to 2147483647"),
    ("--seed", "2147483648", "0 to 2147483647"),
    ("--seed", "4294967338", "0 to 2147483647"),
    ("--steps", "99999999999999999999", "1 to 1000"),
    ("--depth", "NaN(1)", "0.05 to 4"),
    ("--depth", "nan", "0.05 to 4"),
    ("--depth", "inf", "0.05 to 4"),
    ("--depth", "0x1p0", "0.05 to 4"),
    ("--depth", "1,5", "0.05 to 4"),
    ("--guidance", "1e400", "1 to 30"),
    ("--debris", "1e-400", "0 to 1"),
    ("--turntable", "3601", "0 to 3600"),
    ("--turntable", "-1", "0 to 3600"),
]


@pytest.mark.parametrize(("option", "word", "limits"), REFUSED_NUMBERS)
def test_what_is_no_decimal_number_in_range_is_refused_with_the_range(
    tmp_path: Path, option: str, word: str, limits: str
) -> None:
    refused = relievo("generate", tmp_path / "none.png", "-o", tmp_path / "out", option, word)
    assert refused.returncode == 2
    assert f"Invalid {option} '{word}'." in refused.stderr and f"number from {limits}." in refused.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--images", "0x10"),
        ("--images", "0"),
        ("--bandwidth", "inf"),
        ("--slow", "80GiB#0=inf"),
        ("--slow", "80GiB#0=0x2"),
        ("--lose", "80GiB#0= 1"),
        ("--devices", "0x2x80GiB"),
        ("--devices", "2xinfGiB"),
        ("--devices", "2x80GiB@nan"),
    ],
)
def test_a_plan_refuses_what_is_no_number(words: tuple[str, str]) -> None:
    devices = [] if words[0] == "--devices" else ["--devices", "8x80GiB"]
    refused = relievo("plan", *devices, *words)
    assert refused.returncode == 2, refused.stdout
    assert words[1].split("=")[-1].split("@")[-1].removeprefix("2x") in refused.stderr


def test_leading_zeros_are_decimal(tmp_path: Path) -> None:
    (tmp_path / "cup.png").write_bytes(disc())
    words = ("generate", tmp_path / "cup.png", "-o", tmp_path / "out", "--no-sheet", "--texture-size", "64", "--json")
    faces = [json.loads(relievo(*words, "--grid", grid).stdout)["faces"] for grid in ("016", "16", "14")]
    assert faces[0] == faces[1] != faces[2]


@pytest.mark.parametrize("mebibytes", [580, 615, 625, 640, 680, 700, 800, 1000, 1500])
def test_want_of_address_space_is_told_as_want_of_memory(tmp_path: Path, mebibytes: int) -> None:
    """Under `ulimit -v`: threads that cannot be started, libraries that get no memory, a plan that does not fit."""

    def limited() -> None:
        with_default_signals()
        resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))

    picture = ROOT / "tests" / "data" / "pictures" / "chicken.jpg"
    words: list[str | Path] = ["generate", picture, "-o", tmp_path / "out", "--grid", "48", "--texture-size", "512"]
    process = start(*words, "--format", "glb,obj,ply", "--exr", "--turntable", "2", before=limited)
    told = process.communicate(timeout=300)[1]
    assert process.returncode in (0, 3), told
    if process.returncode == 3:
        assert "memory" in told and "ulimit -v" in told, told
    else:
        assert (tmp_path / "out" / "chicken.glb").exists()


@pytest.mark.parametrize(("said", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")])
def test_threads_that_wait_for_work_sleep_unless_the_environment_says_otherwise(
    said: dict[str, str], policy: str
) -> None:
    unsaid = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    done = subprocess.run(
        [ROOT / "build" / "relievo", "--version"],
        env=unsaid | said | {"OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("relievo ")
    assert re.findall(r"OMP_WAIT_POLICY = '(\w+)'", done.stderr) == [policy]

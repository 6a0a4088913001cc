"""Runs every test of the project and ends in one line: N passed, N failed, N skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
REPORTS = BUILD / "test-reports"
BIN = ROOT / ".venv" / "bin"
CORES = len(os.sched_getaffinity(0))
AT_A_TIME = min(2, CORES)  # suites; each with its share of the cores, so that they do not wait for each other's threads


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Counts) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped


def run(title: str, command: list[str | Path]) -> int:
    """Its output is printed as a whole at its end, because others run beside it."""
    # Not what this person, another suite or an earlier run has measured.
    cache = BUILD / "test-cache" / title.replace("/", "_")
    shutil.rmtree(cache, ignore_errors=True)
    shares = {"XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": str(max(1, CORES // AT_A_TIME))}
    begin = time.monotonic()
    words = [str(word) for word in command]
    ended = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | shares,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print(f"== {title}: exit status {ended.returncode}, {time.monotonic() - begin:.0f} s\n{ended.stdout}", flush=True)
    return ended.returncode


def run_check(title: str, command: list[str | Path]) -> Counts:
    """A check that is one test: it passes when the command does."""
    return Counts(passed=1) if run(title, command) == 0 else Counts(failed=1)


def run_suite(title: str, command: list[str | Path], report: Path) -> Counts:
    """A test program that writes a JUnit report. One that dies without saying why counts as a failure."""
    report.unlink(missing_ok=True)
    status = run(title, command)
    counts = Counts()
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                counts.failed += 1
            elif case.find("skipped") is not None or case.get("result") == "skipped" or case.get("status") == "notrun":
                counts.skipped += 1
            else:
                counts.passed += 1
    if counts.passed + counts.failed == 0 or (status != 0 and counts.failed == 0):
        counts.failed += 1
    return counts


def tracked(*patterns: str) -> list[str]:
    """The project's files, those included that are not committed yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in dict.fromkeys(names) if (ROOT / name).exists()]


def seconds_of(report: Path) -> float:
    """The seconds that a suite took when it last ran; one that never ran may take long."""
    try:
        return sum(float(case.get("time", 0)) for case in ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return float("inf")


def main() -> int:
    REPORTS.mkdir(parents=True, exist_ok=True)
    total = Counts()
    suites: list[tuple[str, list[str | Path], Path]] = []
    for folder in ("tests/addon", "tests/app", "tests/bindings", "tests/packaging"):
        report = REPORTS / f"{folder.replace('/', '_')}.xml"
        suites.append((folder, [BIN / "pytest", "-q", folder, f"--junitxml={report}"], report))
    for program in sorted(BUILD.glob("test_*")):
        if program.is_file() and os.access(program, os.X_OK):
            report = REPORTS / f"{program.name}.xml"
            suites.append((program.name, [program, "--gtest_brief=1", f"--gtest_output=xml:{report}"], report))
    suites.sort(key=lambda suite: -seconds_of(suite[2]))  # the longest first, so that none is left alone at the end
    sources = tracked("*.cpp", "*.h", "*.cu", "*.cuh")
    checks: list[tuple[str, list[str | Path]]] = [
        ("clang-format", ["clang-format", "--dry-run", "-Werror", *sources]),
        ("ruff check", [BIN / "ruff", "check", "."]),
        ("ruff format", [BIN / "ruff", "format", "--check", "."]),
        ("mypy", [BIN / "mypy"]),
        ("mdformat", [BIN / "mdformat", "--check", *tracked("*.md", ":!tests/data/golden")]),
    ]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        ended = [pool.submit(run_suite, *suite) for suite in suites]
        ended += [pool.submit(run_check, *check) for check in checks]
        for each in ended:
            total.add(each.result())
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    is_ci = os.environ.get("CI", "").lower() == "true"
    return 1 if total.failed or (is_ci and total.skipped) else 0


if __name__ == "__main__":
    sys.exit(main())

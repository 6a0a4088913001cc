"""Runs every test of the project and ends in one line: N passed, N failed, N skipped."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("RELIEVO_BUILD", ROOT / "build"))
REPORTS = BUILD / "test-reports"
BIN = ROOT / ".venv" / "bin"


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
    print(f"== {title}", flush=True)
    begin = time.monotonic()
    status = subprocess.run([str(word) for word in command], cwd=ROOT).returncode
    print(f"== {title}: exit status {status}, {time.monotonic() - begin:.0f} s", flush=True)
    return status


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


def main() -> int:
    REPORTS.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(BUILD / "test-cache")  # not what this person has calibrated
    sources = tracked("*.cpp", "*.h", "*.cu", "*.cuh")
    total = Counts()
    total.add(run_check("clang-format", ["clang-format", "--dry-run", "-Werror", *sources]))
    total.add(run_check("ruff check", [BIN / "ruff", "check", "."]))
    total.add(run_check("ruff format", [BIN / "ruff", "format", "--check", "."]))
    total.add(run_check("mypy", [BIN / "mypy"]))
    for program in sorted(BUILD.glob("test_*")):
        if program.is_file() and os.access(program, os.X_OK):
            report = REPORTS / f"{program.name}.xml"
            total.add(run_suite(program.name, [program, "--gtest_brief=1", f"--gtest_output=xml:{report}"], report))
    for folder in ("tests/bindings", "tests/addon", "tests/app", "tests/packaging"):
        report = REPORTS / f"{folder.replace('/', '_')}.xml"
        total.add(run_suite(folder, [BIN / "pytest", "-q", folder, f"--junitxml={report}"], report))
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    is_ci = os.environ.get("CI", "").lower() == "true"
    return 1 if total.failed or (is_ci and total.skipped) else 0


if __name__ == "__main__":
    sys.exit(main())

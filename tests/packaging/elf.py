"""Reads by binutils which libraries a shared library needs and which symbols it has."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def _run(*command: str | Path) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def needed(file: Path) -> set[str]:
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", _run("readelf", "--dynamic", "--wide", file)))


def soname(file: Path) -> str | None:
    found = re.search(r"\(SONAME\).*\[(.+)\]", _run("readelf", "--dynamic", "--wide", file))
    return found and found[1]


def search_paths(file: Path) -> list[str]:
    return re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.+)\]", _run("readelf", "--dynamic", "--wide", file))


def exported(file: Path) -> set[str]:
    """Names of the symbols that others can find. (A: the name of a symbol version.)"""
    fields = [
        line.split() for line in _run("nm", "-D", "--defined-only", "--without-symbol-versions", file).splitlines()
    ]
    return {name for _, kind, name in fields if kind != "A"}


def asked_symbols(file: Path) -> set[str]:
    """Names of the symbols that others must define."""
    lines = _run("nm", "-D", "--undefined-only", "--without-symbol-versions", file).splitlines()
    return {line.split()[-1] for line in lines}


def newest_version(file: Path, family: str) -> tuple[int, ...]:
    """The newest symbol version that is asked for of GLIBC, GLIBCXX, CXXABI or GCC; () where there is none."""
    section = _run("readelf", "--version-info", "--wide", file).partition(".gnu.version_r")[2]
    found = re.findall(rf"\bName: {family}_([\d.]+)\b", section)
    return max((tuple(map(int, version.split("."))) for version in found), default=())

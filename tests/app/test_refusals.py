"""Every refusal in the sources follows CONTRIBUTING.md, "Messages", as far as a program can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from processes import ROOT

FOLDERS = ("native", "bindings", "benchmarks/native")
# Faults of ours, and what the person wanted: there is nothing to be done.
WITHOUT_HINT = {"kInternal", "kCancelled"}
# A name or path that stands there without quotes.
UNQUOTED = re.compile(r"\b(?:model|file|folder|sampler|setting|stage|option|command) \{")
# Said otherwise: `Unknown sampler 'x'.`, `Invalid grid '3'.` (base/refusals.h)
OTHERWISE = re.compile(
    r"There is no (?:model|sampler|setting|stage|strategy|bench)|'\{\}' is no |is not possible|is out of range"
    r"|Choose one of|must be"
)


class Refusal(NamedTuple):
    file: str
    code: str
    message: str | None  # None where it is not written here
    hint: str | None


def arguments(text: str) -> list[str]:
    """Returns the text between here and the closing bracket, split at its commas."""
    found: list[str] = []
    depth = begin = place = 0
    while place < len(text):
        if text[place] == '"':
            place = re.compile(r'"(?:[^"\\]|\\.)*"').match(text, place).end()  # type: ignore[union-attr]
            continue
        if text[place] in "({[":
            depth += 1
        elif text[place] in ")}]":
            if depth == 0:
                return [*found, text[begin:place].strip()]
            depth -= 1
        elif text[place] == "," and depth == 0:
            found.append(text[begin:place].strip())
            begin = place + 1
        place += 1
    return found


def literal(argument: str) -> str | None:
    """A string as it is written, or the first argument of a fmt::format; None for anything else."""
    if argument.startswith("fmt::format("):
        argument = arguments(argument.removeprefix("fmt::format("))[0]
    if not re.fullmatch(r'(?:"(?:[^"\\]|\\.)*"\s*)+', argument):
        return None
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', argument)).replace('\\"', '"')


def refusals_in(text: str, file: str) -> Iterator[Refusal]:
    text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    for found in re.finditer(r"(?:Error\(|[({])\s*(?:relievo::)?ErrorCode::(k\w+),", text):
        given = [literal(argument) for argument in arguments(text[found.end() :])]
        if given and len(given) <= 2:
            yield Refusal(file, found[1], given[0], given[1] if len(given) == 2 else "")


def faults_of(refusal: Refusal) -> list[str]:
    faults = []
    for said in (refusal.message, refusal.hint):
        if said and not re.match(r"[A-Z'{`]|libcurl|xatlas", said):
            faults.append(f"begins in lower case: {said}")
        if said and not re.search(r"[.](?:\{\})*$| $", said):
            faults.append(f"has no full stop: {said}")
        if said and UNQUOTED.search(said):
            faults.append(f"names something without quotes: {said}")
        if said and OTHERWISE.search(said):
            faults.append(f"is worded otherwise than base/refusals.h: {said}")
    if refusal.hint == "" and refusal.code not in WITHOUT_HINT:
        faults.append(f"does not say what to do: {refusal.message}")
    return faults


def all_refusals() -> list[Refusal]:
    files = [
        file
        for folder in FOLDERS
        for file in sorted((ROOT / folder).rglob("*"))
        if file.suffix in (".h", ".cpp", ".cuh")
    ]
    return [refusal for file in files for refusal in refusals_in(file.read_text(), str(file.relative_to(ROOT)))]


def test_refusals_follow_the_pattern() -> None:
    refusals = all_refusals()
    assert len(refusals) > 100
    assert [f"{refusal.file}: {fault}" for refusal in refusals for fault in faults_of(refusal)] == []


def test_what_does_not_follow_it_is_seen() -> None:
    (refusal,) = refusals_in('throw Error(ErrorCode::kIo, fmt::format("there is (really) no file {}", name));', "a.cpp")
    assert refusal == ("a.cpp", "kIo", "there is (really) no file {}", "")
    assert [fault.partition(":")[0] for fault in faults_of(refusal)] == [
        "begins in lower case",
        "has no full stop",
        "names something without quotes",
        "does not say what to do",
    ]
    (refusal,) = refusals_in('return {ErrorCode::kIo, "There is no model \'x\'.", "Try "\n "again."};', "a.cpp")
    assert refusal.hint == "Try again."
    assert [fault.partition(":")[0] for fault in faults_of(refusal)] == ["is worded otherwise than base/refusals.h"]

"""Asks, at a click, the repositories that Blender knows whether there is a newer Relievo."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from typing import Any

import bpy

from . import documents, pending
from .facts import VERSION

_ID = "relievo"
_SECONDS = 15.0
_MOST_BYTES = 16 << 20  # the limit of the JSON reader
_KNOWN = ("https://", "http://", "file://")

_answer = ""
_asking: _Asking | None = None


class _Asking:
    """The question, on a thread, because a server may take its time."""

    def __init__(self, addresses: list[str]) -> None:
        self._answer = ""
        self._thread = threading.Thread(target=self._run, args=(addresses,), name="relievo updates", daemon=True)
        self._thread.start()

    def _run(self, addresses: list[str]) -> None:
        self._answer = ask(addresses)

    def cancel(self) -> None:
        """Does nothing: the thread ends by itself."""

    def look(self, turn: pending.Turn) -> bool:
        global _answer, _asking
        if self._thread.is_alive():
            return False
        _answer, _asking = self._answer, None
        return True


def start() -> None:
    """Asks. The answer is there when is_asking() no longer holds."""
    global _asking, _answer
    if _asking is None:
        _answer = ""
        _asking = _Asking(addresses())
        pending.watch(_asking)


def is_asking() -> bool:
    return _asking is not None


def answer() -> str:
    """Returns the last answer; empty before the first."""
    return _answer


def addresses() -> list[str]:
    """Returns the addresses of the repositories that are enabled and have one."""
    repositories = bpy.context.preferences.extensions.repos
    return [each.remote_url for each in repositories if each.enabled and each.use_remote_url and each.remote_url]


def ask(addresses: list[str]) -> str:
    """Asks the repositories and returns what to tell the person. For threads."""
    found: list[str] = []
    failures: list[str] = []
    for address in addresses:
        try:
            found += _versions(_read(address))
        except (OSError, ValueError, urllib.error.URLError) as error:
            failures.append(str(getattr(error, "reason", error)))
    newest = max(found, key=_numbers, default="")
    if newest and _numbers(newest) > _numbers(VERSION):
        return f"Relievo {newest} is there; this is {VERSION}. Get it in Get Extensions."
    if newest:
        return f"This is the newest Relievo, {VERSION}."
    if failures:
        return f"No repository could be asked: {failures[0]}."
    return "No repository of Blender's offers Relievo. The guide says how to add the folder of its releases."


def _read(address: str) -> Any:
    """Reads a repository's list. Raises OSError, ValueError."""
    if not address.startswith(_KNOWN):
        raise ValueError(f"'{address}' is no address that can be asked")
    if address.endswith("/") and not address.endswith("/extensions/"):  # a folder of releases
        address += "index.json"
    request = urllib.request.Request(address, headers={"User-Agent": f"Relievo/{VERSION}"})
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        data = answer.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("its list is too large")
    try:
        return documents.read(data)
    except ValueError as error:
        raise ValueError(f"its list cannot be read: {error}") from error


def _versions(index: Any) -> list[str]:
    entries = index.get("data") if isinstance(index, dict) else None
    return [
        str(entry["version"])
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("id") == _ID and entry.get("version")
    ]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("-")[0].split("+")[0].split("."))

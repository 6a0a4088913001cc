"""A hundred generations in one Blender: memory stays flat, no thread is left, Unload gives memory back.

Not part of the tests: `make soak` (some minutes).
"""

from __future__ import annotations

from typing import Any

import pytest
from test_extension import facts_of


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    facts = facts_of("soak", tmp_path_factory.mktemp("soak"), seconds=3600)
    print(facts)
    return facts


def test_memory_stays_flat(soaked: dict[str, Any]) -> None:
    """Between the first fifth, when all caches are warm, and the end: less than a third of a MiB a generation."""
    memory = soaked["memory_mib"]
    assert len(memory) == 100
    assert max(memory[80:]) - max(memory[15:20]) < 25


def test_no_thread_is_left(soaked: dict[str, Any]) -> None:
    assert len(set(soaked["threads"][5:])) == 1


def test_unload_gives_memory_back(soaked: dict[str, Any]) -> None:
    assert soaked["unloaded_mib"] < soaked["memory_mib"][-1]


def test_disabling_leaves_no_thread(soaked: dict[str, Any]) -> None:
    assert soaked["threads_when_disabled"] < soaked["threads"][-1]

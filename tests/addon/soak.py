"""A hundred generations in one Blender: memory stays flat, no thread is left, Unload gives memory back.

Not part of the tests: `make soak` (some minutes).
"""

from __future__ import annotations

import os
from statistics import median
from typing import Any

import pytest
from in_blender import facts_of


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    facts = facts_of("soak", tmp_path_factory.mktemp("soak"), seconds=3600)
    print(facts)
    return facts


def test_memory_stays_flat(soaked: dict[str, Any]) -> None:
    """Medians, since one generation and the next differ by 25 MiB and more: less than 0.2 MiB a generation."""
    memory = soaked["memory_mib"]
    assert len(memory) == 100
    assert median(memory[80:]) - median(memory[10:30]) < 12


def test_no_thread_is_left(soaked: dict[str, Any]) -> None:
    assert len(set(soaked["threads"][5:])) == 1


def test_unload_gives_memory_back(soaked: dict[str, Any]) -> None:
    """The mask's network and what it computes in: 60 MiB and more on the machine where this was written."""
    assert median(soaked["memory_mib"][80:]) - soaked["unloaded_mib"] > 30


def test_disabling_leaves_no_thread(soaked: dict[str, Any]) -> None:
    """Blender's own workers are allowed, one a core at most, because it starts them when it first has work for them."""
    left = soaked["threads_when_disabled"]
    assert left < soaked["threads"][-1]
    assert left - soaked["threads_before"] < (os.cpu_count() or 1)

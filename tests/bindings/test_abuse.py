"""Every public object of the native module survives whatever is done with it (abuses.py)."""

from __future__ import annotations

import pytest
from abuses import ABUSES, CLASSES, FUNCTIONS
from test_jobs import python


def test_the_stubs_name_what_there_is() -> None:
    """stubtest (test_runtime.py) compares the members; the lists themselves must not run empty."""
    assert {"Engine", "Job", "Result", "Mesh"} < CLASSES.keys() and all(CLASSES.values())
    assert {"models", "devices"} < {function.name for function in FUNCTIONS}


@pytest.mark.parametrize("name", [abuse.__name__ for abuse in ABUSES])
def test_abuse_is_survived(name: str) -> None:
    ended = python(f"import abuses; abuses.run({name!r})")
    assert (ended.returncode, ended.stderr) == (0, "")

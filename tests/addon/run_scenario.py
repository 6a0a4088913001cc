"""Runs a scenario of the extension's tests inside Blender, in a process and a profile of its own.

python run_scenario.py SCENARIO FOLDER [WORD...]

The profile is FOLDER/profile. A scenario is a function of a module in scenarios/: it installs the extension, does its
work and returns what it saw, which is left in FOLDER/facts.json for the tests to judge.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
from collections.abc import Callable
from typing import Any

import scenarios
from inside import FOLDER


def scenario(name: str) -> Callable[[], dict[str, Any]]:
    modules = (importlib.import_module(f"scenarios.{each.name}") for each in pkgutil.iter_modules(scenarios.__path__))
    homes = (module for module in modules if getattr(getattr(module, name, None), "__module__", "") == module.__name__)
    found: Callable[[], dict[str, Any]] = getattr(next(homes), name)
    return found


if __name__ == "__main__":
    seen = scenario(sys.argv[1])()
    (FOLDER / "facts.json").write_text(json.dumps(seen))
    if sys.argv[1] == "reload_scripts":
        os._exit(0)  # a thread of bpy's own (delayed_close_thread_run) waits for ever after scripts were reloaded

"""Reads JSON of any origin: files, objects, records, servers. Knows nothing of Blender.

relievo._store reads it, with limits on depth and size: values that are nested too deeply would end Blender.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .store import store


def read(content: Any) -> Any:
    """Parses JSON. Raises ValueError where it is not JSON, or too deep or too large."""
    return store.read_json(content)


def read_object(content: Any) -> dict[str, Any]:
    """Parses a JSON object; returns an empty one where the content is anything else."""
    try:
        found = read(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def known(kind: Any, stored: dict[str, Any]) -> dict[str, Any]:
    """Returns the values that a dataclass with defaults can take: those of its fields, and of the defaults' types."""
    defaults = {each.name: each.default for each in fields(kind)}
    return {name: stored[name] for name, default in defaults.items() if type(stored.get(name)) is type(default)}

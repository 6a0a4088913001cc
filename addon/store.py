"""relievo._store, the models of this machine and downloads: without LibTorch, which it fetches."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relievo import Error as StoreError
    from relievo import _store as store
    from relievo import _torch_version as torch_version
    from relievo import _web as web
else:
    # The package beside this file; where the extension runs from its sources, that of the running Python.
    _is_beside = any(Path(__file__).with_name("relievo").glob("_store.*"))
    _package: Any = importlib.import_module(f"{__package__}.relievo" if _is_beside else "relievo")
    store = importlib.import_module(f"{_package.__name__}._store")
    torch_version = importlib.import_module(f"{_package.__name__}._torch_version")
    web = importlib.import_module(f"{_package.__name__}._web")
    StoreError = _package.Error

__all__ = ["StoreError", "store", "torch_version", "web"]

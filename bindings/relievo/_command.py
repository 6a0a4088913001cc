"""The command `relievo` that the wheel installs: the program's own command line, which the native module holds."""

from __future__ import annotations

import functools
import os
import shutil
import sys

from . import load
from ._errors import Error


def main() -> int:
    """Runs the command line and returns the exit status. It handles signals itself: they cancel what runs."""
    from . import _web

    try:
        load()
        from . import _native
    except Error as error:
        print(f"relievo: {error.message}\n  {error.hint}", file=sys.stderr)
        return error.exit_status
    sys.stdout.flush()
    words = sys.argv[1:]
    if words[:1] == ["batch"] and any(word.partition("=")[0] == "--ray" for word in words) and "--help" not in words:
        from . import _cluster

        return _cluster.main(words[1:])
    if own := shutil.which(sys.argv[0]):  # which the command starts for what needs a process of its own
        os.environ["RELIEVO_PROGRAM"] = own
    return _native._run_command(words, functools.partial(_web.transport, alone=True))

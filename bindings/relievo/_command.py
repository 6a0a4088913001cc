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
    if own := shutil.which(sys.argv[0]):  # which the command starts for what needs a process of its own
        os.environ["RELIEVO_PROGRAM"] = own
    return _native._run_command(sys.argv[1:], functools.partial(_web.transport, alone=True))

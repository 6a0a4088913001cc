"""Writes the package's settings.json: the version, and each setting's default and range as the engine has them."""

import json
import sys
from pathlib import Path


def main(output: Path) -> None:
    sys.path.insert(0, str(output.parent.parent))
    # The package itself asks for the file that is about to be written.
    from relievo import _native

    settings = _native.describe_settings()
    output.write_text(json.dumps({"version": _native.version(), "settings": settings}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Writes the package's settings.json: the version, and each setting's default and range as the engine has them."""

import json
import sys
from pathlib import Path


def tidy(value: object) -> object:
    """Drops the digits that float32 does not have."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main(output: Path) -> None:
    sys.path.insert(0, str(output.parent.parent))
    # The package itself asks for the file that is about to be written.
    from relievo import _native

    settings = {
        name: {key: tidy(value) for key, value in facts.items()} for name, facts in _native.describe_settings().items()
    }
    output.write_text(json.dumps({"version": _native.version(), "settings": settings}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

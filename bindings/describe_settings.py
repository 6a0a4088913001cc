"""Writes the package's settings.json: the version, each setting's default and range as the engine has them, and the
endings of pictures."""

import json
import sys
from pathlib import Path


def main(output: Path) -> None:
    sys.path.insert(0, str(output.parent.parent))
    # The package itself asks for the file that is about to be written.
    from relievo import _native

    facts = {
        "version": _native.version(),
        "settings": _native.describe_settings(),
        "picture_endings": _native.picture_endings(),
    }
    output.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""The extension in other Blenders than the tests' own: installed, enabled, used, updated and disabled in each.

    python tests/blenders.py [VERSION...]

`make test-blenders` makes the environments (packaging/blenders) and the zip with all modules (`make zip`) first. Ends
with 1 where a step fails in any of them; the last line is what docs/release.md wants to know.
"""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = Path(__file__).with_name("blender_steps.py")
RUNTIME = ROOT / ".venv" / "lib" / "python3.11" / "site-packages" / "torch" / "lib"  # no Python of torch's is used


def try_in(folder: Path, archive: Path) -> bool:
    with tempfile.TemporaryDirectory(prefix="relievo-blenders-") as profile:
        environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": profile,
            "RELIEVO_RUNTIME_DIR": os.environ.get("RELIEVO_RUNTIME_DIR", str(RUNTIME)),
        }
        command = [str(folder / "bin" / "python"), str(STEPS), str(archive), profile]
        return subprocess.run(command, env=environment, timeout=1200).returncode == 0


def main() -> int:
    (archive,) = (ROOT / "dist").glob("relievo-*-linux-x64.zip")
    known = (ROOT / "packaging" / "blenders.txt").read_text().splitlines()
    wanted = sys.argv[1:] or [line.split()[0] for line in known]
    passed = {version: try_in(ROOT / "build-blenders" / version, archive) for version in wanted}
    for version, has_passed in passed.items():
        print(f"Blender {version}: {'passed' if has_passed else 'FAILED'}")
    print(f"{datetime.date.today()}, {archive.name}: {', '.join(v for v, ok in passed.items() if ok) or 'none'}")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

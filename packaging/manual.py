"""Writes docs/user-guide.md as the page that F1 opens in Blender: it is in the zip and needs no network.

python packaging/manual.py FOLDER
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import markdown

DOCS = Path(__file__).resolve().parents[1] / "docs"
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Relievo</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em; color: #222 }}
img {{ max-width: 100% }}
code, pre {{ background: #eee; border-radius: 3px; padding: 0 .2em }}
pre {{ padding: .6em; overflow-x: auto }}
td, th {{ vertical-align: top; padding: .2em .6em }}
</style>
{body}
</html>
"""
_LINK_ELSEWHERE = re.compile(r"(?<!!)\[([^\]]+)\]\((?!#|http|pictures/)[^)]*\)")


def write(folder: Path) -> None:
    """The page and its pictures."""
    text = _LINK_ELSEWHERE.sub(r"\1", (DOCS / "user-guide.md").read_text())
    body = markdown.markdown(text, extensions=["tables", "toc", "fenced_code"])
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "pictures").mkdir(parents=True)
    for picture in set(re.findall(r'src="(pictures/[^"]+)"', body)):
        shutil.copyfile(DOCS / picture, folder / picture)
    (folder / "index.html").write_text(_PAGE.format(body=body))


if __name__ == "__main__":
    write(Path(sys.argv[1]))

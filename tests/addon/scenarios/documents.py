"""JSON of any origin that nests too deeply, in every place where the extension reads some."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import bpy
from inside import FOLDER, QUARTERS, answer, drawn, find, install, module, names, quick

DEPTH = 200_000
NESTED = ("[" * DEPTH + "]" * DEPTH, '{"a":' * DEPTH + "1" + "}" * DEPTH, "[" * DEPTH)


def nested_documents() -> dict[str, Any]:
    """Each in its place, one after the other, and that the work goes on."""
    install()
    quick()
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    return {
        "objects": [of_objects(text) for text in NESTED],
        "records": [of_records(text) for text in NESTED],
        "foreign_keys": foreign_keys(),
        "machine": [of_machine(text) for text in NESTED],
        "results": [of_results(text) for text in NESTED],
        "updates": [of_updates(text) for text in NESTED],
        "made": made_at_last(),
    }


def of_objects(text: str) -> list[Any]:
    """The properties of an object, which may come in somebody's file: drawn, saved, redone, copied to the panel."""
    thing = find("quarters")
    kept = {name: thing[name] for name in ("relievo_settings", "relievo_import")}
    thing["relievo_import"] = text
    seen: list[Any] = [answer(bpy.ops.relievo.regenerate)]
    thing = find("quarters")
    thing["relievo_settings"] = text
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "nested.blend"), copy=True)
    seen += ["Redo as Before" in drawn(), bpy.ops.relievo.regenerate.poll(), answer(bpy.ops.relievo.use_settings)]
    for name, value in kept.items():
        thing[name] = value
    return seen


def of_records(text: str) -> list[Any]:
    """The history's database, written by nobody knows whom: shown, used, placed and taken up."""
    history = module("history")
    history.settle()
    with closing(sqlite3.connect(history.folder() / "history.db")) as database, database:
        names_of = ("settings", "options", "target", "failure")
        database.execute(f"UPDATE records SET {', '.join(f'{name} = ?' for name in names_of)}", [text] * 4)
    (history.folder() / "history.json").write_text(text)
    history.reread()
    known = history.entries()
    seen: list[Any] = [len(known) > 0, "quarters" in drawn("history")]
    seen.append(answer(bpy.ops.relievo.use_settings, key=known[0].key))
    before = len(bpy.data.objects)
    bpy.ops.relievo.place(key=known[0].key)
    seen.append(len(bpy.data.objects) - before)
    with closing(sqlite3.connect(history.folder() / "history.db")) as database, database:
        database.execute("UPDATE records SET state = 'queued', owner = 'gone' WHERE key = ?", [known[0].key])
    history.reread()
    history.refresh()
    quick()
    seen.append([record.name for record in history.left_behind()])
    seen.append(answer(bpy.ops.relievo.take_up))
    for thing in list(bpy.data.objects):
        if thing.name != "quarters":
            bpy.data.objects.remove(thing)
    return seen


def foreign_keys() -> list[str]:
    """Rows whose key or owner would name a file elsewhere, or that hold other kinds of values."""
    history = module("history")
    with closing(sqlite3.connect(history.folder() / "history.db")) as database, database:
        row = database.execute("SELECT * FROM records LIMIT 1").fetchone()
        marks = ", ".join("?" * len(row))
        rows = (
            ("../../elsewhere", "", 1.0),
            ("wrong", "", "no number"),
            ("foreign", "../../../mine", 1.0),
            ("right", "", 1.0),
        )
        for key, owner, seconds in rows:
            changed = [key, "made", *row[2:8], owner, seconds, 0.0, 0]
            database.execute(f"INSERT INTO records VALUES ({marks})", changed)
    history.reread()
    return sorted(record.key for record in history.entries() if record.key in [key for key, *_ in rows])


def of_machine(text: str) -> str:
    machine = module("machine")
    file = FOLDER / "machine.json"
    file.write_text(text)
    return str(machine.load(file) == machine.Machine())


def of_results(text: str) -> str:
    """The facts in a stored result."""
    stored = module("stored_result")
    (whole, *_) = module("history").folder().glob("*.result")
    damaged = FOLDER / "nested.result"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(damaged, "w") as target:
        for name in source.namelist():
            target.writestr(name, _array(text) if name == "facts.npy" else source.read(name))
    try:
        stored.load(damaged)
    except stored.UnreadableResultError as error:
        return str(error.message)
    return "it was read"


def _array(text: str) -> bytes:
    import io

    import numpy as np

    content = io.BytesIO()
    np.save(content, np.frombuffer(text.encode(), np.uint8))
    return content.getvalue()


def of_updates(text: str) -> str:
    """The list of a repository."""
    index = FOLDER / "index.json"
    index.write_text(text)
    told: str = module("updates").ask([index.as_uri()])
    return told


def made_at_last() -> list[Any]:
    """Checks that a person's next steps work, and that a sound document is read."""
    (FOLDER / "index.json").write_text(json.dumps({"data": [{"id": "relievo", "version": "99.0.0"}]}))
    bpy.ops.relievo.generate(filepath=str(QUARTERS))
    return [names(bpy.data.objects), module("updates").ask([Path(FOLDER / "index.json").as_uri()])]

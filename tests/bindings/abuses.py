"""What may be done to the native module's public objects, as its stubs name them; each abuse is a function without
arguments that raises or ends the process where something was not survived. test_abuse.py runs each in a process of its
own: a crash or a hang there is a failure."""

from __future__ import annotations

import ast
import copy
import faulthandler
import os
import pickle
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import relievo
from relievo import _native as native
from shapes import QUICK, SLOW, disc

PICTURES = Path(__file__).resolve().parents[1] / "data" / "pictures" / "formats"
STUBS = Path(relievo.__file__).with_name("_native.pyi")


@dataclass(frozen=True)
class Member:
    name: str
    is_property: bool
    kinds: tuple[str, ...]  # of what it takes, as the stubs annotate it


def _member_of(definition: ast.FunctionDef) -> Member:
    is_property = any(isinstance(mark, ast.Name) and mark.id == "property" for mark in definition.decorator_list)
    arguments = [*definition.args.args, *definition.args.kwonlyargs]
    kinds = tuple(ast.unparse(a.annotation) for a in arguments if a.arg != "self" and a.annotation is not None)
    return Member(definition.name, is_property, kinds)


def _public() -> tuple[dict[str, list[Member]], list[Member]]:
    classes: dict[str, list[Member]] = {}
    functions: list[Member] = []
    for node in ast.parse(STUBS.read_text()).body:
        if isinstance(node, ast.ClassDef):
            classes[node.name] = [_member_of(each) for each in node.body if isinstance(each, ast.FunctionDef)]
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            functions.append(_member_of(node))
    return classes, functions


CLASSES, FUNCTIONS = _public()
MADE = {name for name, members in CLASSES.items() if "__init__" in {member.name for member in members}}


def _instances(engine: relievo.Engine) -> dict[str, Any]:
    """One of each class."""
    job = engine.submit(disc(), **QUICK)
    assert job.wait(60), job.status.state
    result = job.result
    assert result is not None
    mesh = result.mesh
    stage = result.stages[0]
    reports = [mesh.report, mesh.texture_report, mesh.provenance, stage, stage.devices[0], *_of_two_devices()]
    found = [engine, job, job.status, job.log[0], job.previews[0], result, mesh, *reports]
    journal = native.open_batch(PICTURES, tempfile.mkdtemp(dir="."), formats=["glb"], dry_run=True)
    work = native._finish(_arrays_of(mesh), levels=2, print_size=50)
    finishing = [work, work.result().mesh.levels[0], work.print_report()]
    others = [
        *finishing,
        _mending(),
        native.devices()[0],
        native.models()[0],
        native.NamedPicture("cup"),
        journal,
        journal.left[0],
    ]
    every = {type(each).__name__: each for each in [*found, *others]}
    assert every.keys() == CLASSES.keys(), every.keys() ^ CLASSES.keys()
    return every


def _mending() -> Any:
    return native.Mending(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), [(True, [(1.0, 2.0)], 3.0)])


def _arrays_of(mesh: relievo.Mesh) -> Any:
    materials = [{"texture": mesh.albedo}]
    return {
        "vertices": np.asarray(mesh.vertices),
        "faces": np.asarray(mesh.faces),
        "corner_uv": np.asarray(mesh.corner_uv),
        "materials": materials,
    }


def _of_two_devices() -> list[Any]:
    """What there is only where several devices could compute."""
    with relievo.Engine(threads=2, devices="cpu*2") as engine:
        job = engine.submit(disc(), **QUICK)
        assert job.wait(60), job.status.state
        assert job.result is not None
        alone = relievo.Engine(threads=2, devices="cpu*2", strategy="single").plan(1, **QUICK)
        return [job.result.speed_up, alone, alone.idle[0]]


def _outcome(call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Returns what the call returns or raises."""
    try:
        return call(*given, **named)
    except Exception as error:
        return error


def _refused(
    kinds: type[Exception] | tuple[type[Exception], ...], call: Callable[..., Any], *given: Any, **named: Any
) -> Exception:
    outcome = _outcome(call, *given, **named)
    assert isinstance(outcome, Exception) and isinstance(outcome, kinds), (
        f"{call} with {[*map(type, given)]}, {[*named]}: {outcome!r}"
    )
    return outcome


def _use(owner: Any, member: Member, *given: Any) -> Any:
    found = getattr(owner, member.name)
    return found if member.is_property else found(*given)


def _fitting(name: str, job: relievo.Job | None) -> tuple[Any, ...]:
    """Arguments that an Engine's method takes."""
    arguments: dict[str, tuple[Any, ...]] = {
        "submit": (disc(16),),
        "set_idle_seconds": (1,),
        "move": (job, 0),
        "__exit__": (None, None, None),
    }
    return arguments.get(name, ())


def made_by_hand() -> None:
    """An object of a class without __init__ cannot be made by Python, and one of another class not be used before
    __init__ was called."""
    for name in CLASSES.keys() - MADE:
        kind = getattr(native, name)
        _refused(TypeError, kind)
        _refused(TypeError, kind.__new__, kind)
        _refused(TypeError, object.__new__, kind)
        _refused(TypeError, type, "Sub", (kind,), {})
    half: Any = type("Half", (relievo.Engine,), {"__init__": lambda self: None})
    kinds: list[Any] = [*(getattr(native, name) for name in MADE), relievo.Engine, half]
    for kind in kinds:
        for member in CLASSES.get(kind.__name__, CLASSES["Engine"]):
            if member.name in ("__init__", "__enter__"):
                continue
            _refused(TypeError, _use, kind.__new__(kind), member, *_fitting(member.name, None))
    _refused(TypeError, half)  # it does not call super().__init__()


def wrong_self() -> None:
    every = _instances(relievo.Engine(threads=1))
    for name, members in CLASSES.items():
        kind = getattr(native, name)
        for member in members:
            if member.name in ("__init__", "__eq__", "__hash__", "__enter__"):
                continue
            bound = kind.__dict__[member.name]
            for other in (None, 5, "text", object(), *every.values()):
                if isinstance(other, kind):
                    continue
                _refused((TypeError, RuntimeError), bound.fget if member.is_property else bound, other)


def copied() -> None:
    for name, each in _instances(relievo.Engine(threads=1)).items():
        for way in (copy.copy, copy.deepcopy, pickle.dumps):
            outcome = _outcome(way, each)
            if isinstance(outcome, Exception):
                continue
            assert way is copy.copy and name in MADE, (name, way)
            for member in CLASSES[name]:
                if member.is_property:
                    _refused(TypeError, _use, outcome, member)


_INTEGERS: list[Any] = [-1, 0, 2**31 - 1, 2**31, -(2**31) - 1, 2**32 + 40, 2**63, 2**64, -(2**64), 10**30, 10**400]
_FLOATS: list[Any] = [float("nan"), float("inf"), -float("inf"), 1e300, -1.0, -0.0, 5e-324, 10**400]
_TEXTS: list[Any] = ["", "\0", "a\0b", "\ud800", "x" * 100_000, "/", "..", "/dev/null", "/proc/self/mem", 5, b"bytes"]
_LISTS: list[Any] = [[], [""], ["fbx"], ["glb"] * 100, "glb", [5]]
_NOTHING_OF_USE: list[Any] = [None, object(), [], {}, True]


def _many(*shape: int) -> Any:
    """An array that takes no room."""
    return np.broadcast_to(np.zeros((1, 1, 3), np.uint8), shape)


def _pictures() -> list[Any]:
    kinds = (">f4", np.float64, bool, object, "V5", np.complex64)
    return [
        *(np.zeros(shape, np.uint8) for shape in ((0, 1, 3), (1, 3), (4, 4, 2), (4, 4, 5), (1, 1, 1, 3))),
        *(_many(*shape) for shape in ((2**31, 1, 3), (1, 2**32 + 40, 3), (2**20, 2**20, 3), (16384, 16384, 3))),
        *(np.zeros((4, 4, 3), kind) for kind in kinds),
        *(np.zeros((8, 8, 4), np.uint8)[::-1, ::-1], np.zeros((8, 8, 4, 2), np.uint8)[..., 0], np.array("text")),
        *(np.full((4, 4, 4), np.nan, np.float32), b"", b"\x89PNG", b"x" * 1000, "none.png", "\0", ""),
    ]


def _absurd(kind: str) -> Iterator[Any]:
    of_kind = {"int": _INTEGERS, "float": _FLOATS, "str": _TEXTS, "PathLike": _TEXTS, "Picture": _pictures()}
    for name, values in {**of_kind, "list[str]": _LISTS, "Any": _INTEGERS + _FLOATS}.items():
        if name in kind:
            yield from values
    yield from _NOTHING_OF_USE


def absurd_arguments() -> None:
    """Every function and method does no harm with such arguments, or refuses them by an exception."""
    with relievo.Engine(threads=1) as other:
        every = _instances(other)
        every["Engine"] = relievo.Engine(threads=1)
        every["Engine"].pause()
        for owner, members in ((native, FUNCTIONS), *((every[name], members) for name, members in CLASSES.items())):
            for member in members:
                if member.is_property or member.name in ("__init__", "__eq__", "__hash__", "__enter__", "__exit__"):
                    continue
                _pass_absurd_arguments(owner, member)


def _pass_absurd_arguments(owner: Any, member: Member) -> None:
    for place, kind in enumerate(member.kinds):
        for value in _absurd(kind):
            if member.name == "save_renders" and isinstance(value, int) and 0 < value <= 3600:
                continue  # it is allowed, and takes long
            given = [value if at == place else None for at in range(place + 1)]
            outcome = _outcome(_use, owner, member, *given)
            if isinstance(outcome, native.Job):
                outcome.cancel()


def absurd_options() -> None:
    refusals = (relievo.InvalidSettingsError, TypeError)
    for threads in (-1, -(2**31), 1025, 10_000, 1_000_000, 2_000_000_000, 2**31, 2**63, 10**30, 1.5, "two", None):
        _refused(refusals, relievo.Engine, threads=threads)
    for seconds in (float("nan"), -1, -float("inf"), -1e-300, "soon", None):
        _refused(refusals, relievo.Engine, idle_seconds=seconds)
        _refused(refusals, relievo.Engine().set_idle_seconds, seconds)
    for option in ("devices", "strategy", "policy", "models", "lossy", "allocator"):
        for value in [*_TEXTS, *_NOTHING_OF_USE]:
            outcome = _outcome(relievo.Engine, **{option: value})
            if isinstance(outcome, relievo.Engine):
                _outcome(getattr, outcome, "workers")
                _outcome(outcome.explain_plan)
                outcome.close()


def absurd_settings() -> None:
    engine = relievo.Engine(threads=1)
    engine.pause()
    values = [*_INTEGERS, *_FLOATS, *_TEXTS, *_NOTHING_OF_USE, [[]] * 10, np.float32("nan"), np.int64(5)]
    for name in native.describe_settings():
        for value in values:
            job = _outcome(engine.submit, disc(16), **{name: value})
            if isinstance(job, relievo.Job):
                job.cancel()
            _outcome(engine.explain_plan, 1, **{name: value})
    too_large = {"seed": 2**64 - 1, "steps": 2**63, "grid": 2**32 + 64, "depth": 10**400, "faces": 10**30}
    for name, number in too_large.items():
        _refused(relievo.InvalidSettingsError, engine.submit, disc(16), **{name: number})


def pictures_of_many_rows() -> None:
    engine = relievo.Engine(threads=1)
    for height, width in ((2**31, 1), (2**32, 1), (2**32 + 40, 1), (1, 2**32 + 40), (40_000, 1), (20_000, 20_000)):
        error = str(_refused(relievo.InvalidImageError, engine.submit, _many(height, width, 3), mask="alpha"))
        assert "at most" in error and f"{width} x {height}" in error, error


def idle_time_without_end() -> None:
    for seconds in (0, 1e9, 1e10, 1e300, float("inf")):
        with relievo.Engine(threads=1, idle_seconds=seconds) as engine:
            assert engine.submit(disc(), **QUICK).wait(60)
            assert engine.submit(disc(), only_foreground=True).wait(60)  # after it the engine looks at the time
            assert engine.submit(disc(), **QUICK).wait(60)
            assert engine.loaded, seconds


def closed() -> None:
    every = _instances(relievo.Engine(threads=1))
    engine = every["Engine"]
    engine.close()
    for member in CLASSES["Engine"]:
        given = _fitting(member.name, every["Job"])
        if member.name in ("__enter__", "__exit__", "close"):
            _use(engine, member, *given)
        elif member.name != "__init__":
            assert "closed" in str(_refused(ValueError, _use, engine, member, *given))
    for name in CLASSES.keys() - {"Engine"}:  # what it made is still there
        for member in CLASSES[name]:
            if member.is_property:
                _use(every[name], member)


def closed_while_threads_use_it() -> None:
    for turn in range(4):
        _close_while_threads_use_it(0.05 * turn)


def _close_while_threads_use_it(delay: float) -> None:
    every = _instances(relievo.Engine(threads=1))
    engine = every["Engine"]
    running = every["Job"] = engine.submit(disc(), **SLOW)
    begin, end = threading.Barrier(9), threading.Event()
    failures: list[str] = []
    calls = [(name, member) for name, members in CLASSES.items() for member in members]
    calls = [each for each in calls if each[1].is_property or each[1].name in _CALLED]

    def hammer(place: int) -> None:
        begin.wait()
        while not end.is_set():
            for name, member in calls[place:] + calls[:place]:
                given = (0.001,) if member.name == "wait" else _fitting(member.name, running)
                outcome = _outcome(_use, every[name], member, *given)
                if isinstance(outcome, native.Job):
                    outcome.cancel()
                if isinstance(outcome, Exception) and "closed" not in str(outcome) and member.name != "error":
                    failures.append(f"{name}.{member.name}: {outcome!r}")

    threads = [threading.Thread(target=hammer, args=(5 * place,)) for place in range(8)]
    closers = [threading.Thread(target=engine.close) for _ in range(3)]
    for thread in threads:
        thread.start()
    begin.wait()
    time.sleep(delay)  # into another moment of the job
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(60)
        assert running.wait(0), "close() came back before the job had ended"
    end.set()
    for thread in [*threads, *closers]:
        thread.join(60)
        assert not thread.is_alive()
    assert not failures, failures[:3]


_CALLED = ("queue", "pause", "resume", "unload", "explain_plan", "submit", "move", "wait", "take", "set_idle_seconds")

ABUSES: list[Callable[[], None]] = [
    made_by_hand,
    wrong_self,
    copied,
    absurd_arguments,
    absurd_options,
    absurd_settings,
    pictures_of_many_rows,
    idle_time_without_end,
    closed,
    closed_while_threads_use_it,
]


def run(name: str) -> None:
    """Runs an abuse in a folder of its own."""
    faulthandler.enable()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RELIEVO_MODELS"] = os.environ["XDG_CACHE_HOME"] = folder
        os.chdir(folder)
        next(abuse for abuse in ABUSES if abuse.__name__ == name)()
        os.chdir("/")

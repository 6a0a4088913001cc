"""Finishes objects: the work on one at a time, and its result in the scene as one undo step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from mathutils import Matrix

from . import finished_object, jobs, mesh_source, messages, notices, pending, redo, taking_in
from .failure import Failure
from .mesh_source import Arrays, CannotFinishError
from .quad_remesher import Remesher
from .runtime import runtime

if TYPE_CHECKING:
    import relievo

_TOGETHER = 0.05  # seconds that one look waits for work that is about to end


@dataclass(frozen=True)
class Wishes:
    """What is to become of an object; the engine's words (relievo.FinishSettings), and quads."""

    faces: int = 0  # most triangles, or about so many quads; 0 keeps as many as there are
    quads: bool = False
    levels: int = 1
    mirror: str = ""
    print_size: float = 0.0
    flat_base: float = 0.0
    occlusion: bool = False
    roughness: float | None = None
    metallic: float | None = None
    texture_size: int = 0

    @property
    def is_printed(self) -> bool:
        return self.print_size > 0 or self.flat_base > 0

    def for_engine(self, **changes: Any) -> dict[str, Any]:
        names = ("faces", "levels", "mirror", "print_size", "flat_base", "occlusion", "texture_size")
        return {**{name: getattr(self, name) for name in names}, **changes}


@dataclass(eq=False)
class Work:
    """One object that is being finished. `step` begins the next part, and returns it; None at the end."""

    thing: int  # session_uid
    name: str
    target: taking_in.Target
    steps: list[tuple[str, Callable[[], Any]]]  # a label, and what begins the part
    place: Callable[[], None]  # puts the result into the scene
    doing: str = ""
    part: Any = None
    done: int = 0
    count: int = 0
    is_cancelled: bool = False
    result: Any = field(default=None)

    @property
    def fraction(self) -> float:
        within = self.part.fraction if self.part is not None else 0.0
        return min((max(self.done - 1, 0) + within) / max(self.count, 1), 1.0)

    def cancel(self) -> None:
        self.is_cancelled = True
        if self.part is not None:
            self.part.cancel()

    def look(self, turn: pending.Turn) -> bool:
        try:
            return self._look(turn)
        except Exception as error:  # the timer must go on with other work
            failure = messages.in_blender(Failure.of(error))
            if failure.code != "cancelled":
                notices.tell(jobs.fail(failure).message)
            return self._end()

    def _look(self, turn: pending.Turn) -> bool:
        if self.is_cancelled:
            return self._end()
        if self.part is not None and not self.part.wait(_TOGETHER if bpy.app.background else 0.0):
            return False
        if self.steps:
            self.doing, begin = self.steps.pop(0)
            self.part = begin()
            self.done += 1
            return False
        if not turn.take():
            return False
        if taking_in.must_wait(self.target):
            turn.wait_for_person()
            return False
        self.place()
        return self._end()

    def _end(self) -> bool:
        if isinstance(self.part, Remesher):
            self.part.forget()
        _works[:] = [other for other in _works if other is not self]
        return True


_works: list[Work] = []
_told: list[str] = []  # what was said of the last result


def current() -> Work | None:
    return next(iter(_works), None)


def told() -> list[str]:
    """Returns the notes on the last result."""
    return _told


def cancel() -> None:
    for work in _works[:]:
        work.cancel()


def stop() -> None:
    """Ends all work."""
    for work in _works[:]:
        work.cancel()
        pending.forget(work)
        work._end()
    _told.clear()


def _check_free() -> None:
    if _works:
        raise CannotFinishError(f"'{_works[0].name}' is still being finished.", "Wait until it is done, or cancel it.")


def check(thing: bpy.types.Object | None) -> bpy.types.Object:
    """Returns the object. Raises CannotFinishError or redo.CannotRedoError where it cannot get a new mesh."""
    if thing is None:
        raise CannotFinishError("No object is active.", "Select the mesh that is to be finished.")
    if thing.type != "MESH":
        raise CannotFinishError(f"'{thing.name}' is no mesh.", "Select a mesh object.")
    redo.check(thing)
    return thing


def _begun(thing: bpy.types.Object, steps: list[tuple[str, Callable[[], Any]]], place: Callable[[], None]) -> Work:
    target = taking_in.Target.of(bpy.context, thing)
    work = Work(thing.session_uid, thing.name, target, steps, place, count=len(steps))
    _works.append(work)
    _told.clear()
    pending.watch(work)
    return work


def _find(uid: int, name: str) -> bpy.types.Object:
    thing = next((each for each in bpy.data.objects if each.session_uid == uid), None)
    if thing is None:
        raise CannotFinishError(f"'{name}' was deleted before it was finished.", "Undo that, and try again.")
    return check(thing)


def _finished_in(thing: bpy.types.Object, is_printed: bool) -> Matrix:
    """Returns the matrix that moves the object's mesh to where it is finished: at the size that it has in the scene,
    along its own axes, in which it is symmetric; what is printed, as it stands in the scene."""
    linear = thing.matrix_world.to_3x3()
    if is_printed:
        return linear.to_4x4()
    x, y, z = (column.length for column in linear.col)
    return Matrix.Diagonal((-x if linear.determinant() < 0 else x, y, z, 1))


def finish(thing: bpy.types.Object, wishes: Wishes) -> Work:
    """Begins to finish an object. Raises CannotFinishError, redo.CannotRedoError, NoPictureError, relievo.Error."""
    _check_free()
    check(thing)
    native = runtime.package()._native
    moved = _finished_in(thing, wishes.is_printed)
    source = mesh_source.arrays_of(thing, moved)
    uid, name = thing.session_uid, thing.name
    made: dict[str, Any] = {"source": source, "notes": []}

    def engine(source: Arrays, **settings: Any) -> Any:
        made["work"] = native._finish(source, name=name, **settings)
        return made["work"]

    def place() -> None:
        result: relievo.Result = made["work"].result()
        thing = _find(uid, name)
        finished_object.replace(thing, result, moved.inverted(), made.get("quads"), wishes.roughness, wishes.metallic)
        _told.extend([*made["notes"], *result.notes])
        bpy.ops.ed.undo_push(message=f"Relievo: {thing.name}")
        notices.tell(f"'{thing.name}' is finished.")

    if not wishes.quads:
        steps = [("Finishing", lambda: engine(source, **wishes.for_engine()))]
        return _begun(thing, steps, place)

    def shape() -> Any:
        return engine(source, **wishes.for_engine(faces=0, levels=1, occlusion=False))

    def remesh() -> Remesher:
        if "work" in made:  # the mirrored or cut shape, with its maps
            made["source"] = arrays_of_result(made["work"].result())
            made["notes"] += [note for note in made["work"].result().notes if wishes.is_printed]
        remesher = Remesher(made["source"], wishes.faces or len(made["source"]["faces"]) // 2)
        made["remesher"] = remesher
        return remesher

    def bake() -> Any:
        remesher: Remesher = made["remesher"]
        quads = remesher.take()
        if quads is None:
            raise CannotFinishError(
                f"No quads could be made of '{name}'.",
                "QuadriFlow needs a closed surface in one piece without faces on one another: fill its holes first.",
            )
        made["quads"] = quads
        size = {"texture_size": wishes.texture_size} if wishes.texture_size else {}
        made["work"] = native._bake(made["source"], _target_of(quads), name=name, uv="keep", **size)
        return made["work"]

    def shade() -> Any:
        baked: relievo.Result = made["work"].result()
        return engine({**arrays_of_result(baked)}, uv="keep", occlusion=True)

    steps = [("Making Quads", remesh), ("Baking", bake)]
    if wishes.mirror or wishes.is_printed:
        steps.insert(0, ("Finishing", shape))
    if wishes.occlusion:
        steps.append(("Shading", shade))
    return _begun(thing, steps, place)


def _target_of(quads: dict[str, Any]) -> Arrays:
    return {
        "vertices": quads["vertices"],
        "faces": quads["triangles"],
        "corner_uv": quads["uv"][quads["corners"]],
    }


def arrays_of_result(result: relievo.Result) -> Arrays:
    """Returns a result as a source for more work."""
    mesh = result.mesh
    look = {"texture": mesh.albedo, "roughness": mesh.roughness, "metallic": mesh.metallic}
    if mesh.normal_map is not None:
        look["normal_map"] = mesh.normal_map
    return {"vertices": mesh.vertices, "faces": mesh.faces, "corner_uv": mesh.corner_uv, "materials": [look]}


def bake(source: bpy.types.Object, target: bpy.types.Object, size: int = 0) -> Work:
    """Begins to bake what one object shows onto another, which keeps its mesh and gets a material. Raises as
    finish()."""
    _check_free()
    check(target)
    native = runtime.package()._native
    if source.type != "MESH":
        raise CannotFinishError(f"'{source.name}' is no mesh.", "Select the mesh whose texture is to be baked.")
    if target.data.uv_layers.active is None:
        raise CannotFinishError(
            f"'{target.name}' has no UV map.", "Unwrap it first: in Edit Mode, UV > Smart UV Project."
        )
    given = mesh_source.arrays_of(source, source.matrix_world)
    onto = mesh_source.arrays_of(target, target.matrix_world)
    onto.pop("materials")
    onto["face_material"] = np.full(len(onto["faces"]), -1, np.int32)
    uid, name = target.session_uid, target.name
    made: dict[str, Any] = {}

    def begin() -> Any:
        made["work"] = native._bake(given, onto, name=name, uv="keep", texture_size=size)
        return made["work"]

    def place() -> None:
        result: relievo.Result = made["work"].result()
        thing = _find(uid, name)
        finished_object.give_material(thing.data, result)
        _told.extend(result.notes)
        bpy.ops.ed.undo_push(message=f"Relievo: {thing.name}")
        notices.tell(f"'{thing.name}' has its baked texture.")

    return _begun(target, [("Baking", begin)], place)

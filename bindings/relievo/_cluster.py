"""A batch on the machines of a Ray cluster: `relievo batch ... --ray ADDRESS`, and Batch.run_on_cluster().

Each node that computes has one actor with an engine of its own, which plans for that node's share of processors and
GPUs. Pictures go there by content and results come back by content, so the machines need no folder in common; the
journal stays this process's. Ray is loaded by this module alone (pip install 'relievo[cluster]').
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _native
from ._batch import Batch, BatchOutcome
from ._cluster_node import Made, Maker, Work
from ._errors import DeviceLostError, Error, InternalError, InvalidSettingsError, IoError, make_error

_MOST_TRIES = 3  # a picture whose node dies so often is given up: it may be what kills them
_SECONDS_BETWEEN_LOOKS = 2.0  # at the cluster's nodes
_SOME_FAILED = 5  # exit status of a run over several pictures
_PAINTER = "zero123plus-v1.2"  # paints the views where there are none of the person's own


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise InvalidSettingsError("Ray is not installed.", "Install it: pip install 'relievo[cluster]'.") from error
    return ray


def _work_of(task: Any, batch: Batch) -> Work:
    """Reads all that a picture is made of. Raises Error."""
    if task.error is not None:
        raise task.error
    settings = _native._expanded(task)
    files = [task.picture]
    if settings["mask"] not in ("auto", "alpha"):
        files.append(settings["mask"])
    for view in settings["views"]:
        files += [view] if isinstance(view, str) else [view[name] for name in ("picture", "mask") if name in view]
    try:
        contents = {file: Path(file).read_bytes() for file in dict.fromkeys(files)}
    except OSError as error:
        raise IoError(f"Cannot read '{error.filename}': {error.strerror}.", "Check the path.") from error
    return Work(
        task.picture, str(task.folder), task.name, settings, contents, batch._formats, batch._renders, batch._required
    )


@dataclass
class _Node:
    actor: Any
    slots: int = 0  # 0 until it is ready
    running: int = 0


class _Run:
    """One run over a cluster. All state is this thread's."""

    def __init__(self, batch: Batch, machine: dict[str, Any], until: float | None) -> None:
        self._ray = _ray()
        self._batch, self._machine, self._until = batch, machine, until
        self._tasks = batch.left
        self._left = deque(range(len(self._tasks)))
        self._tries: Counter[int] = Counter()
        self._nodes: dict[str, _Node] = {}
        self._starting: dict[Any, str] = {}
        self._pending: dict[Any, tuple[int, str]] = {}
        self._given_up: dict[str, str] = {}  # nodes whose actor could not be made, and why
        self._looked = 0.0
        self.lost = 0  # nodes that have died

    @property
    def nodes(self) -> int:
        return sum(node.slots > 0 for node in self._nodes.values())

    def outcomes(self) -> Iterator[BatchOutcome]:
        try:
            while self._left or self._pending:
                if self._until is not None and time.time() >= self._until:
                    self._left.clear()
                    if not self._pending:
                        return
                self._look()
                yield from self._hand_out()
                waiting = [*self._pending, *self._starting]
                if not waiting:
                    time.sleep(0.2)
                    continue
                done, _ = self._ray.wait(waiting, num_returns=1, timeout=0.5)
                for reference in done:
                    yield from self._take(reference)
        finally:
            for node in self._nodes.values():
                self._ray.kill(node.actor)

    def _look(self) -> None:
        """Makes an actor on each node that has come, and forgets those that have gone."""
        if time.monotonic() < self._looked + _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = time.monotonic()
        alive = {node["NodeID"]: node["Resources"] for node in self._ray.nodes() if node["Alive"]}
        for name in set(self._nodes) - set(alive):
            self._lose(name)
        for name, has in alive.items():
            if name not in self._nodes and name not in self._given_up and (has.get("CPU", 0) >= 1 or has.get("GPU")):
                self._start(name, has)
        if self._left and not self._nodes:
            if self._given_up:
                raise InternalError("No node of the cluster can compute.", next(iter(self._given_up.values())))
            if not any(has.get("CPU", 0) >= 1 or has.get("GPU") for has in alive.values()):
                raise DeviceLostError("The cluster has no node that computes.", "Add one, and start the batch again.")

    def _start(self, name: str, has: dict[str, float]) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        cpus, gpus = int(has.get("CPU", 0)), int(has.get("GPU", 0))
        needed = {str(task.settings["model"]) for task in self._tasks} - {"preview"}
        paints = any(task.settings["model"] in needed and not task.settings["views"] for task in self._tasks)
        one_picture = {model.name for model in _catalogue() if model.one_picture}
        models = sorted(needed | ({_PAINTER} if paints and not needed <= one_picture else set()))
        actor = (
            self._ray.remote(Maker)
            .options(
                num_cpus=cpus,
                num_gpus=gpus,
                max_restarts=0,
                max_concurrency=64,
                scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False),
            )
            .remote({**self._machine, "threads": cpus}, models, os.environ.get("RELIEVO_MODEL_MIRRORS", "").split())
        )
        self._nodes[name] = _Node(actor)
        self._starting[actor.slots.remote()] = name

    def _lose(self, name: str) -> None:
        """What ran on the node is made elsewhere; its references tell so, too, but not all at once."""
        del self._nodes[name]
        self.lost += 1
        for reference in [each for each, (_, node) in self._pending.items() if node == name]:
            place, _ = self._pending.pop(reference)
            self._left.appendleft(place)
        for reference in [each for each, node in self._starting.items() if node == name]:
            del self._starting[reference]

    def _hand_out(self) -> Iterator[BatchOutcome]:
        """Gives each node as much as it can work on, so that no more is read than is needed soon."""
        for name, node in self._nodes.items():
            while self._left and node.running < node.slots:
                place = self._left.popleft()
                task = self._tasks[place]
                if self._tries[place] == 0:
                    self._batch.begin(place)
                self._tries[place] += 1
                try:
                    if self._tries[place] > _MOST_TRIES:
                        message = f"{_MOST_TRIES} nodes have died while they made '{task.picture}'."
                        raise DeviceLostError(message, "Look at the memory of the nodes, or leave this picture out.")
                    work = _work_of(task, self._batch)
                except Error as error:
                    yield self._failed(place, error)
                    continue
                self._pending[node.actor.make.remote(work)] = (place, name)
                node.running += 1

    def _take(self, reference: Any) -> Iterator[BatchOutcome]:
        if reference in self._starting:
            name = self._starting.pop(reference)
            try:
                self._nodes[name].slots = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                self._given_up[name] = str(error.cause)
                del self._nodes[name]
            except self._ray.exceptions.RayError:
                self._lose(name)
            return
        if reference not in self._pending:  # its node was lost meanwhile
            return
        place, name = self._pending[reference]
        try:
            made: Made = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            made = Made(error=(InternalError.code, f"A node failed: {error.cause}.", ""))
        except self._ray.exceptions.RayError:
            self._lose(name)
            return
        del self._pending[reference]
        self._nodes[name].running -= 1
        yield self._written(place, made)

    def _written(self, place: int, made: Made) -> BatchOutcome:
        task = self._tasks[place]
        if made.error is not None:
            return self._failed(place, make_error(*made.error), made.thumbnail)
        files: list[Path] = []
        try:
            for name, content in reversed(made.files.items()):  # the mesh comes last, as save() does it
                files.insert(0, _write(task.folder / name, content))
        except OSError as error:
            failure = IoError(f"Cannot write '{error.filename}': {error.strerror}.", "Free some space on this disk.")
            return self._failed(place, failure, made.thumbnail)
        self._batch.finish(place, made.report, files, made.thumbnail)
        return BatchOutcome(task.picture, files=files, report=made.report)

    def _failed(self, place: int, error: Error, thumbnail: bytes = b"") -> BatchOutcome:
        self._batch.fail(place, error.code, error.message, error.hint, thumbnail=thumbnail)
        picture = self._tasks[place].picture
        report = _native.report_of_failure(picture, error.code, error.message, error.hint, [])
        return BatchOutcome(picture, error=error, report=report)


def _catalogue() -> Any:
    from . import _store

    return _store.catalogue()


def _write(path: Path, content: bytes) -> Path:
    """Writes a file that is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.stem}.", suffix=".part", delete=False) as beside:
        try:
            beside.write(content)
            beside.flush()
            os.fsync(beside.fileno())
            Path(beside.name).chmod(0o666 & ~_umask())
            Path(beside.name).replace(path)
        except BaseException:
            Path(beside.name).unlink(missing_ok=True)
            raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


class _Metrics:
    """The whole run in the metrics of Ray's dashboard."""

    def __init__(self) -> None:
        from ray.util.metrics import Counter as Counted
        from ray.util.metrics import Gauge

        self._made = Counted("relievo_pictures_made", description="Pictures whose files are written.")
        self._failed = Counted("relievo_pictures_failed", description="Pictures that could not be made.")
        self._left = Gauge("relievo_pictures_left", description="Pictures that are still to be made.")
        self._nodes = Gauge("relievo_nodes", description="Nodes that make pictures.")

    def tell(self, outcome: BatchOutcome, left: int, nodes: int) -> None:
        (self._made if outcome.error is None else self._failed).inc()
        self._left.set(left)
        self._nodes.set(nodes)


def run(
    batch: Batch, address: str, machine: dict[str, Any], until: str = "", *, with_progress: bool = False
) -> Iterator[BatchOutcome]:
    """Makes the tasks that are left on the cluster at this address, in the order in which they are done. With progress,
    one line on standard error tells of the whole."""
    ray = _ray()
    end = _native._until(until) if until else None
    if not ray.is_initialized():
        try:
            ray.init(address=address, namespace="relievo", log_to_driver=False, configure_logging=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            message = f"The Ray cluster '{address}' does not answer: {error}."
            raise IoError(message, "Start it (ray start --head), or correct the address.") from error
    going = _Run(batch, machine, end)
    metrics = _Metrics()
    counts = Counter[bool]()
    total = len(batch.left)
    for outcome in going.outcomes():
        counts[outcome.error is None] += 1
        done = counts.total()
        metrics.tell(outcome, total - done, going.nodes)
        if with_progress:
            nodes = "1 node" if going.nodes == 1 else f"{going.nodes} nodes"
            lost = f", {going.lost} lost" if going.lost else ""
            line = f"\r{counts[True]} of {total} made, {counts[False]} failed, {nodes}{lost} "
            print(line, end="", file=sys.stderr, flush=True)
        yield outcome
    if with_progress and counts:
        print(file=sys.stderr)


def main(words: list[str]) -> int:
    """`relievo batch` with --ray; returns the exit status."""
    try:
        return _batch(_native._batch_words(words))
    except KeyboardInterrupt:
        return 130
    except Error as error:
        print(f"relievo: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_status


def _batch(given: dict[str, Any]) -> int:
    _ray()
    with Batch(**given["batch"]) as batch:
        for note in batch.notes:
            print(f"relievo: {note}", file=sys.stderr)
        tasks = batch.left
        if given["json"]:
            for report in batch.made_before:
                print(json.dumps(report), flush=True)
        if given["batch"]["dry_run"]:
            for task in tasks:
                result = str(task.folder / task.name)
                planned = json.dumps({"picture": task.picture, "result": result})
                print(planned if given["json"] else f"{task.picture}: {result}")
            print(batch.summary, file=sys.stderr)
            return 0
        made = 0
        has_report = True
        try:
            for outcome in run(batch, given["ray"], given["machine"], given["until"], with_progress=not given["json"]):
                made += outcome.error is None
                if given["json"]:
                    print(outcome.report, flush=True)
                elif outcome.error is not None:
                    print(f"\rrelievo: {outcome.picture}: {outcome.error.message}", file=sys.stderr)
        finally:
            print(batch.summary, file=sys.stderr)
            if given["batch"]["report"]:
                has_report = _write_report(batch)
        if made < len(tasks):
            return _SOME_FAILED
        return 0 if has_report and batch.is_recorded else IoError.exit_status


def _write_report(batch: Batch) -> bool:
    """Returns whether it could be written; else it says why."""
    try:
        print(f"relievo: The report is '{batch.write_report()}'.", file=sys.stderr)
    except IoError as error:
        print(f"relievo: {error.message}", file=sys.stderr)
        return False
    return True

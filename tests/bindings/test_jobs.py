"""Running, waiting and cancelling."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import relievo
from shapes import QUICK, SLOW, disc

PICTURES = Path(__file__).resolve().parents[1] / "data" / "pictures"


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh Python that finds the package and shapes.py."""
    path = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_picture_file_gives_its_name_to_the_result() -> None:
    result = relievo.generate(PICTURES / "chicken_cut_out.png", **QUICK)
    assert result.name == "chicken_cut_out"
    assert result.mesh.provenance.picture == str(PICTURES / "chicken_cut_out.png")


def test_progress_only_grows_and_ends_at_one() -> None:
    seen: list[relievo.JobStatus] = []
    relievo.generate(disc(), progress=seen.append, grid=96, texture_size=512)
    fractions = [status.fraction for status in seen]
    assert fractions == sorted(fractions)
    assert (seen[-1].state, seen[-1].fraction, seen[-1].stage) == ("done", 1.0, "")
    assert {status.stage for status in seen} <= {"", "foreground", "reconstruct", "surface", "texture"}


class Recorder:
    """Stands in for the shared engine and keeps its jobs."""

    def __init__(self) -> None:
        self.engine = relievo.Engine()
        self.jobs: list[relievo.Job] = []

    def submit(self, *words: Any, **settings: Any) -> relievo.Job:
        self.jobs.append(self.engine.submit(*words, **settings))
        return self.jobs[-1]


def test_exception_from_progress_cancels_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr("relievo._engine.shared_engine", lambda: recorder)

    def stop(status: relievo.JobStatus) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        relievo.generate(disc(), progress=stop, **SLOW)
    assert recorder.jobs[0].wait(60)
    assert recorder.jobs[0].status.state == "cancelled"


def test_ctrl_c_is_heard_while_waiting(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    recorder = Recorder()
    monkeypatch.setattr("relievo._engine.shared_engine", lambda: recorder)
    # Python does not listen to Ctrl-C where the shell that it was started from has it ignored, as under nohup.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        relievo.generate(disc(), **SLOW)
    assert recorder.jobs[0].wait(60)
    assert recorder.jobs[0].status.state == "cancelled"


def test_ctrl_c_ends_renders(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    result = relievo.generate(disc(), **QUICK)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        result.save_renders(tmp_path, turntable=3600)
    assert list(tmp_path.iterdir()) == []


def test_wait_lets_other_threads_run() -> None:
    job = relievo.shared_engine().submit(disc(), **SLOW)
    threading.Timer(0.2, job.cancel).start()
    assert job.wait()
    assert job.status.state == "cancelled"
    assert isinstance(job.error, relievo.CancelledError)
    assert job.result is None


def test_wait_tells_when_time_ran_out() -> None:
    job = relievo.shared_engine().submit(disc(), **SLOW)
    assert not job.wait(0.01)
    job.cancel()
    assert job.wait(60)


def test_jobs_run_in_the_order_of_submit() -> None:
    with relievo.Engine() as engine:
        jobs = [engine.submit(disc(), name=str(i), **QUICK) for i in range(3)]
        assert jobs[2].wait(60)
        assert [job.status.state for job in jobs] == ["done"] * 3
        assert [job.result.name for job in jobs if job.result] == ["0", "1", "2"]


def test_queue_can_be_paused_ordered_and_thinned() -> None:
    with relievo.Engine() as engine:
        engine.pause()
        assert engine.paused
        a, b, c = (engine.submit(disc(), name=name, **QUICK) for name in "abc")
        assert [job.name for job in engine.queue()] == ["a", "b", "c"]
        assert engine.queue()[0] == a
        assert len({a, engine.queue()[0]}) == 1
        assert a.number < b.number < c.number
        assert engine.move(c, 0)
        b.cancel()
        assert engine.queue() == [c, a]
        engine.resume()
        assert a.wait(60)
        assert [job.status.state for job in (a, b, c)] == ["done", "cancelled", "done"]


def test_foreground_alone_is_shown_even_while_paused() -> None:
    with relievo.Engine() as engine:
        engine.pause()
        job = engine.submit(disc(), only_foreground=True)
        assert job.wait(60)
        (preview,) = job.previews
        assert (preview.name, preview.pixels.shape, job.result) == ("foreground", (256, 256, 4), None)
        alpha = preview.pixels[..., 3]
        assert (alpha[128, 128], alpha[1, 1]) == (255, 0)


def test_finished_job_has_pictures_and_log() -> None:
    with relievo.Engine() as engine:
        job = engine.submit(disc(), **QUICK)
        assert job.wait(60)
        assert [preview.name for preview in job.previews] == ["foreground", "shaded"]
        text = "\n".join(line.text for line in job.log)
        assert all(stage in text for stage in ("foreground", "reconstruct", "surface", "texture"))


def test_result_can_be_taken_once() -> None:
    with relievo.Engine() as engine:
        job = engine.submit(disc(), **QUICK)
        assert job.wait(60)
        result = job.take()
        assert result is not None
        assert (job.take(), job.result) == (None, None)
    assert len(result.mesh.vertices) > 100


def test_bytes_of_a_file_are_a_picture_with_a_source() -> None:
    with relievo.Engine() as engine:
        path = PICTURES / "chicken_cut_out.png"
        jobs = [engine.submit(path, **QUICK), engine.submit(path.read_bytes(), source="image:chicken", **QUICK)]
        assert all(job.wait(60) for job in jobs)
        first, second = (job.result for job in jobs)
        assert first is not None and second is not None
        assert (first.mesh.vertices == second.mesh.vertices).all()
        assert second.mesh.provenance.picture == "image:chicken"
        with pytest.raises(relievo.InvalidImageError):
            engine.submit(b"")


def test_idle_engine_unloads() -> None:
    with relievo.Engine(idle_seconds=0.05) as engine:
        assert engine.submit(disc(), **QUICK).wait(60)
        for _ in range(1000):
            if not engine.loaded:
                break
            time.sleep(0.01)
        assert not engine.loaded


def test_devices_end_with_the_cpu() -> None:
    cpu = relievo.devices()[-1]
    assert (cpu.device, cpu.note) == ("cpu", "")
    assert 0 < cpu.free_bytes <= cpu.total_bytes


def test_close_cancels_and_jobs_stay_valid() -> None:
    with relievo.Engine() as engine:
        jobs = [engine.submit(disc(), **SLOW) for _ in range(2)]
    assert [job.status.state for job in jobs] == ["cancelled"] * 2


def test_closed_engine_takes_no_jobs() -> None:
    engine = relievo.Engine()
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.submit(disc())


def test_shared_engine_is_one_until_it_is_closed() -> None:
    engine = relievo.shared_engine()
    assert relievo.shared_engine() is engine
    relievo.close_engine()
    assert relievo.generate(disc(), **QUICK).mesh.report.watertight
    assert relievo.shared_engine() is not engine


def test_unload_between_jobs_does_no_harm() -> None:
    picture = PICTURES / "chicken.jpg"  # has no alpha: the mask's network is loaded
    first = relievo.generate(picture, **QUICK)
    relievo.shared_engine().unload()
    assert (relievo.generate(picture, **QUICK).mesh.vertices == first.mesh.vertices).all()


@pytest.mark.parametrize("engine", ["relievo.shared_engine()", "relievo.Engine()"])
def test_process_may_end_while_a_job_runs(engine: str) -> None:
    ended = python(f"import relievo, shapes; engine = {engine}; job = engine.submit(shapes.disc(), **shapes.SLOW)")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_package_may_be_imported_again() -> None:
    """Blender imports it again when an extension is updated: errors must be of the classes that callers see then."""
    ended = python(
        "import sys, relievo\n"
        "relievo.close_engine()\n"
        "for name in [name for name in sys.modules if name.startswith('relievo')]: del sys.modules[name]\n"
        "import relievo\n"
        "try: relievo.generate('none.png')\n"
        "except relievo.IoError: print('caught')\n"
    )
    assert ended.stdout == "caught\n", ended.stderr

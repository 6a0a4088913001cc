"""A process that is forked off after use: an error that says what to do, never a hang or a crash."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from test_jobs import python


def run(code: str) -> list[str]:
    ended = python("import relievo, shapes\nfrom forks import *\n" + textwrap.dedent(code))
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


BEFORE = {
    "a result": "relievo.generate(shapes.disc(), **shapes.QUICK)",
    "a job that runs": "relievo.shared_engine().submit(shapes.disc(), **shapes.SLOW)",
    "an engine": "relievo.shared_engine()",
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_generate_in_a_forked_process_asks_for_spawn(before: str) -> None:
    use = "lambda: print(told(lambda: relievo.generate(shapes.disc(), **shapes.QUICK)))"
    assert run(f"kept = {before}\nin_child({use})") == ["spawn"]


def test_every_call_of_an_engine_and_a_job_asks_for_spawn() -> None:
    code = """
        engine = relievo.Engine()
        job = engine.submit(shapes.disc(), name='disc', **shapes.SLOW)
        in_child(lambda: print(set(every_call(engine, job))))
        in_child(lambda: print(engine.close(), job.number > 0, job.name, job == job))
        job.cancel()
        print(job.wait(60), job.status.state)  # nothing has happened to the parent's
    """
    assert run(code) == ["{'spawn'}", "None True disc True", "True cancelled"]


def test_a_result_is_written_in_a_forked_process(tmp_path: Path) -> None:
    code = f"""
        result = relievo.generate(shapes.disc(), name='disc', **shapes.QUICK)
        in_child(lambda: result.save({str(tmp_path)!r}, ['glb', 'ply']))
        in_child(lambda: result.save_renders({str(tmp_path)!r}, sheet=True, turntable=2))
    """
    assert run(code) == []
    expected = ["disc.glb", "disc.ply", "disc_sheet.png", "disc_turntable", "disc_turntable.webp"]
    assert sorted(path.name for path in tmp_path.iterdir()) == expected


def test_a_process_forked_off_before_use_works() -> None:
    code = "in_child(lambda: print(len(relievo.generate(shapes.disc(), **shapes.QUICK).mesh.faces) > 100))"
    assert run(code) == ["True"]


def test_a_pool_of_forked_processes_passes_the_error_on() -> None:
    code = """
        import multiprocessing
        def make(side): return told(lambda: len(relievo.generate(shapes.disc(side), **shapes.QUICK).mesh.faces) > 100)
        relievo.generate(shapes.disc(), **shapes.QUICK)
        with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map_async(make, [64, 80, 96]).get(60))
    """
    assert run(code) == ["['spawn', 'spawn', 'spawn']"]


def test_a_fork_while_a_thread_waits_and_the_shared_lock_is_held() -> None:
    code = """
        import threading
        job = relievo.shared_engine().submit(shapes.disc(), **shapes.SLOW)
        waiting = threading.Thread(target=job.wait)
        waiting.start()
        with relievo._engine._lock:
            in_child(relievo.close_engine)
        job.cancel()
        waiting.join(60)
        print(waiting.is_alive())
    """
    assert run(code) == ["False"]

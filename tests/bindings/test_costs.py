"""What is measured here, and what finished jobs tell of the next ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import relievo
from shapes import disc

SETTINGS = relievo.Settings(grid=48, texture_size=256, mask="alpha")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def made(engine: relievo.Engine) -> relievo.Result:
    job = engine.submit(disc(), name="disc", **SETTINGS)
    assert job.wait(120)
    assert job.error is None
    assert job.result is not None
    return job.result


def test_devices_are_measured(empty_cache: Path) -> None:
    shares: list[float] = []
    (kind,) = relievo.profile(
        devices="cpu", model="preview", quick=True, progress=lambda device, what, share: shares.append(share)
    )
    assert kind["device"] == "cpu"
    assert kind["kept_in"] == str(empty_cache / "relievo" / "costs.json")
    assert shares and shares == sorted(shares)
    with relievo.Engine(devices="cpu") as engine:
        assert "Costs are measured." in engine.plan(1, **SETTINGS).sentences


def test_what_progress_raises_ends_the_measuring() -> None:
    def refuse(device: str, what: str, share: float) -> None:
        raise KeyError(device)

    with pytest.raises(KeyError, match="cpu"):
        relievo.profile(devices="cpu", model="preview", quick=True, progress=refuse)


def test_finished_jobs_are_what_plans_count_with() -> None:
    with relievo.Engine(devices="cpu") as engine:
        assert any("Costs are estimated" in sentence for sentence in engine.plan(1, **SETTINGS).sentences)
        first = made(engine)
        plan = engine.plan(1, **SETTINGS)
        assert "Costs are measured." in plan.sentences
    # What it took, less the loading of weights, is what the next is expected to take.
    computing = sum(device.computing for stage in first.stages for device in stage.devices)
    assert plan.seconds == pytest.approx(computing, rel=0.02)


def test_results_tell_where_the_time_went() -> None:
    with relievo.Engine(devices="cpu*2", threads=2, strategy="guidance") as engine:
        plan = engine.plan(1, **SETTINGS)
        result = made(engine)
    for stage in result.stages:
        assert [device.device for device in stage.devices] == stage.device.split("+")
        for device in stage.devices:
            told = device.computing + device.transfer + device.waiting + stage.load_seconds
            assert told == pytest.approx(stage.seconds, abs=0.02 + 0.02 * stage.seconds)
    assert any(len(stage.devices) == 2 for stage in result.stages)
    assert result.expected_seconds > 0
    assert result.speed_up is not None
    assert result.speed_up.expected == plan.expected_speed_up > 1
    assert 0 < result.speed_up.reached <= 2
    assert result.speed_up.limit == plan.limit


def test_idle_devices_have_a_reason() -> None:
    with relievo.Engine(devices="cpu*2", threads=2, strategy="single") as engine:
        (idle,) = engine.plan(1, **SETTINGS).idle
        assert (idle.device, idle.reason) == ("cpu#1", "strategy")
        assert idle.why in engine.explain_plan(1, **SETTINGS)
        job = engine.submit(disc(), name="disc", **SETTINGS)
        assert job.wait(120)
    lines = [line.text for line in job.log]
    state = next(line for line in lines if line.startswith("cpu (") and line.endswith(" free"))
    assert lines.index(state) < next(i for i, line in enumerate(lines) if line.startswith("foreground: "))
    assert any(line.startswith("The stages were expected to take ") for line in lines)

"""What progress says of the cost of a run, with a clock that the test moves."""

from __future__ import annotations

import pytest

from vidbench import progress as module
from vidbench.progress import Progress, duration_text, rate_text, seconds_text


@pytest.fixture
def clock(monkeypatch):
    """A function that moves the time."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def lines(capsys) -> list[str]:
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.splitlines()


def test_the_first_trial_tells_the_whole_run_and_later_ones_their_stage(capsys):
    progress = Progress()
    progress.expect(
        {"Samples": 100, "Samples, sigma 0.5": 300}, lambda clips: f"A GPU would take {clips} ms.", others=50
    )
    progress.cost("Samples", 100, 36.0)
    assert lines(capsys) == [
        "Samples: 100 clips at 36 s each take about 60 minutes; all 400 clips of this kind take about 4.0 hours; 50 clips of other "
        "stages follow at rates of their own. A GPU would take 450 ms."
    ]
    progress.cost("Reference clips", 300, 40.0)
    assert lines(capsys) == ["Reference clips: 300 clips at 40 s each take about 3.3 hours. A GPU would take 300 ms."]


@pytest.mark.parametrize(("count", "told"), [(9, False), (11, True)])
def test_work_of_a_few_seconds_is_not_announced(capsys, count, told):
    Progress().cost("Samples", count, 0.5)
    assert bool(lines(capsys)) == told


def test_a_disabled_progress_says_nothing(clock, capsys):
    progress = Progress(enabled=False)
    with progress.stage("Samples", 1000) as advance:
        clock(100.0)
        advance(1)
    progress.cost("Samples", 1000, 1.0)
    assert lines(capsys) == []


def test_slow_steps_are_shown_in_seconds_per_step_and_resumed_ones_do_not_count(clock, capsys):
    with Progress().stage("Training", 1010, "steps", done=1000) as advance:
        clock(50.0)
        advance(2, "loss 1.5")
    assert "Training: 1002/1010 steps, 25.0 s/step, 200 s left loss 1.5" in lines(capsys)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rate_text(30, 10, "clips"), "3.0/s"),
        (rate_text(10, 30, "clips"), "3.0 s/clip"),
        (rate_text(0, 30, "clips"), ""),
        (seconds_text(0.0042), "4.2 ms"),
        (seconds_text(0.523), "0.52 s"),
        (seconds_text(12.3), "12 s"),
        (duration_text(0.2), "1 second"),
        (duration_text(59), "59 seconds"),
        (duration_text(5400), "1.5 hours"),
        (duration_text(20 * 86_400), "20 days"),
    ],
)
def test_times_have_two_digits_and_the_unit_that_fits(text, expected):
    assert text == expected

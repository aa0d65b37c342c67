"""Pause, stop and cancel from another thread, in any order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import FrozenInstanceError

import pytest

from napari_ssi.events import Cancelled, Control, Progress, Watched


class Job(threading.Thread):
    """Takes steps until it is stopped or cancelled."""

    def __init__(self, control: Control) -> None:
        super().__init__(daemon=True)
        self.control, self.steps, self.end = control, 0, ""

    def run(self) -> None:
        try:
            while not self.control.stopping:
                self.control.checkpoint()
                self.steps += 1
                time.sleep(0.001)
            self.end = "stopped"
        except Cancelled:
            self.end = "cancelled"


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it did not happen within five seconds"
        time.sleep(0.002)


@pytest.fixture
def job() -> Job:
    job = Job(Control())
    job.start()
    wait(lambda: job.steps > 0)
    return job


def held(job: Job) -> bool:
    """Whether it takes no more steps, one under way aside."""
    time.sleep(0.02)
    before = job.steps
    time.sleep(0.05)
    return job.steps == before


def test_pause_and_resume(job: Job) -> None:
    job.control.pause()
    assert job.control.paused
    wait(lambda: held(job))
    before = job.steps
    job.control.resume()
    assert not job.control.paused
    wait(lambda: job.steps > before)
    job.control.cancel()
    job.join(5)
    assert job.end == "cancelled"


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("order", ["stop", "cancel"])
def test_both_end_it_even_while_paused(job: Job, order: str, paused: bool) -> None:
    if paused:
        job.control.pause()
        wait(lambda: held(job))
    getattr(job.control, order)()
    job.join(5)
    assert job.end == {"stop": "stopped", "cancel": "cancelled"}[order]


def test_a_pause_after_cancel_does_not_hold_it(job: Job) -> None:
    job.control.pause()
    wait(lambda: held(job))
    job.control.cancel()
    job.control.pause()
    job.join(5)
    assert job.end == "cancelled"
    assert not job.control.paused


def test_cancel_wins_over_stop() -> None:
    control = Control()
    control.stop()
    control.checkpoint()  # stop does not raise: the best image follows
    control.cancel()
    assert control.stopping
    assert control.cancelled
    with pytest.raises(Cancelled):
        control.checkpoint()


def test_hammered_from_many_threads_it_still_ends(job: Job) -> None:
    def hammer() -> None:
        for _ in range(200):
            job.control.pause()
            job.control.resume()

    hands = [threading.Thread(target=hammer) for _ in range(4)]
    for hand in hands:
        hand.start()
    job.control.cancel()
    for hand in hands:
        hand.join()
    job.join(5)
    assert job.end == "cancelled"


def test_progress_is_frozen_and_knows_its_fraction() -> None:
    progress = Progress("training", 30, 120)
    assert progress.fraction == 0.25
    assert Progress("tuning", 3, 0).fraction == 0
    assert Progress("tuning", 9, 3).fraction == 1
    with pytest.raises(FrozenInstanceError):
        progress.step = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        progress.values["loss"] = 1.0  # type: ignore[index]


def job_of(n: int, closed: list[int] | None = None) -> Generator[int, None, str]:
    try:
        yield from range(n)
    finally:
        if closed is not None:
            closed.append(n)
    return f"{n} done"


@pytest.mark.parametrize("n", [0, 3])
def test_a_watched_job_reports_everything_and_has_its_value(n: int) -> None:
    steps = Watched(job_of(n))
    assert list(steps) == list(range(n))
    assert steps.value == f"{n} done"
    seen: list[int] = []
    assert Watched(job_of(n)).finish(seen.append) == f"{n} done"
    assert seen == list(range(n))
    assert Watched(job_of(n)).finish() == f"{n} done"


def test_who_stops_watching_ends_the_job() -> None:
    def halfway() -> Generator[int, None, None]:
        yield from Watched(job_of(3, closed))

    closed: list[int] = []
    outer = halfway()
    next(outer)
    outer.close()
    assert closed == [3]


def test_what_a_watched_job_raises_is_raised() -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        raise Cancelled

    with pytest.raises(Cancelled):
        Watched(broken()).finish()

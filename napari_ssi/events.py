"""What passes between a running restoration and whoever watches it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """One report of a running job.

    Attributes
    ----------
    stage
        What is being done, in a word or two for the progress bar:
        ``"tuning"``, ``"training"``, ``"restoring"`` …
    step, total
        Steps done and the full budget of this stage; a job may end early.
    values
        Named numbers: ``loss``, ``held_out``, ``best_held_out``, estimates …
    elapsed
        Seconds since this stage began.
    preview
        Now and then one plane ``(Y, X)``, float32; in the units of the
        recording when it comes out of the pipeline.
    plane
        The z-index the preview belongs to (0 in 2D).
    channel
        The channel it is about, where there are several.
    message
        A sentence worth telling the user, or ``""``.
    """

    stage: str
    step: int
    total: int
    values: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    elapsed: float = 0.0
    preview: NDArray[np.float32] | None = None
    plane: int = 0
    channel: str = ""
    message: str = ""

    @property
    def fraction(self) -> float:
        """Share of this stage's budget that is done, 0 to 1."""
        return min(1.0, self.step / self.total) if self.total > 0 else 0.0


#: Steps that :func:`part_of` divides each part into.
_FINE = 100


def part_of(progress: Progress, stage: str, part: int, parts: int) -> Progress:
    """The report of one part of several that take about as long, as one of the whole; no figures, no picture.

    Examples
    --------
    >>> part_of(Progress("restoring", 1, 2), "comparing", 1, 2).fraction
    0.75
    """
    step = part * _FINE + round(_FINE * progress.fraction)
    return Progress(stage, step, parts * _FINE, elapsed=progress.elapsed, plane=progress.plane)


class Watched(Generic[T, R]):
    """The reports of a job, to be looped over, and afterwards its ``value``.

    A job is a generator that yields what it reports and returns its result.

    Examples
    --------
    >>> def job():
    ...     yield "half of it is done"
    ...     return 42
    >>> steps = Watched(job())
    >>> for report in steps:
    ...     print(report)
    half of it is done
    >>> steps.value
    42
    """

    value: R

    def __init__(self, job: Generator[T, None, R]) -> None:
        self._job = job

    def __iter__(self) -> Iterator[T]:
        self.value = yield from self._job

    def finish(self, report: Callable[[T], None] | None = None) -> R:
        """Go on to the end, ``report`` everything, and return the value."""
        for each in self:
            if report is not None:
                report(each)
        return self.value


class Cancelled(Exception):
    """The user cancelled; nothing is kept."""


class Control:
    """The user's hand on a running job, safe to use from another thread.

    A restorer calls :meth:`checkpoint` at least once a step and looks at
    :attr:`stopping` to end early and keep its best image so far. The panel
    writes ``preview_interval`` (seconds; ``None`` for no previews) and
    ``plane`` (z-index to preview); a restorer only reads them, and a preview
    consumes no random numbers.
    """

    def __init__(self, preview_interval: float | None = None, plane: int = 0) -> None:
        self.preview_interval = preview_interval
        self.plane = plane
        self._changed = threading.Condition()
        self._stopping = self._cancelled = self._paused = False

    def stop(self) -> None:
        """End the fit and keep the best image so far; ends a pause."""
        with self._changed:
            self._stopping, self._paused = True, False
            self._changed.notify_all()

    def cancel(self) -> None:
        """End now and keep nothing; for good, whatever is called afterwards."""
        with self._changed:
            self._cancelled, self._paused = True, False
            self._changed.notify_all()

    def pause(self) -> None:
        """Hold at the next checkpoint; also while the result is computed after :meth:`stop`."""
        with self._changed:
            self._paused = not self._cancelled

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    @property
    def stopping(self) -> bool:
        """Whether the fit should end and keep its best."""
        return self._stopping

    @property
    def cancelled(self) -> bool:
        """Whether the job was cancelled."""
        return self._cancelled

    @property
    def paused(self) -> bool:
        """Whether the job is to hold at its next checkpoint."""
        return self._paused

    def checkpoint(self) -> None:
        """Hold while paused; raise :class:`Cancelled` once cancelled."""
        with self._changed:
            while self._paused:
                self._changed.wait()
            if self._cancelled:
                raise Cancelled


class Finishing(Control):
    """The hand of another control on what is left to do for a result after a stop: it hears all but the stop.

    Examples
    --------
    >>> control = Control()
    >>> finishing = Finishing(control)
    >>> control.stop()
    >>> finishing.checkpoint(), finishing.stopping
    (None, False)
    """

    def __init__(self, control: Control) -> None:
        super().__init__()
        self._control = control

    def checkpoint(self) -> None:
        """That of the other."""
        self._control.checkpoint()

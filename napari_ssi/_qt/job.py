"""One plan, run in one worker thread, watched from the main thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from dataclasses import dataclass

from qtpy.QtCore import QObject, Signal

from ..errors import InputError
from ..events import Cancelled, Control, Progress, Watched
from ..restoration import Restoration
from .resolve import Plan
from .worker import Worker, spare_a_core

log = logging.getLogger("napari_ssi")

#: Seconds between reports to the window; what comes in between is handed over together. Any change
#: of a label has the whole window composed anew, canvas included: 40-70 ms without a graphics card.
PACE = 0.5
#: Seconds between previews: the redraw is what makes a window stutter.
PREVIEW_INTERVAL = 1.0


@dataclass(frozen=True)
class Report:
    """What happened since the last report of stage number ``stage``."""

    stage: int
    progress: tuple[Progress, ...]


@dataclass(frozen=True)
class Done:
    """Stage number ``stage`` has finished."""

    stage: int
    restoration: Restoration


@dataclass(frozen=True)
class Skipped:
    """A stage before the last could not be run; the others go on."""

    stage: int
    reason: str


Event = Report | Done | Skipped


class Job(QObject):
    """Runs a plan; ends with exactly one of ``ended``, ``cancelled`` or ``failed``."""

    happened = Signal(object)
    ended = Signal()
    cancelled = Signal()
    failed = Signal(object)

    def __init__(self, plan: Plan, plane: int = 0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.control = Control(PREVIEW_INTERVAL, plane)
        control = self.control
        self._worker = Worker(lambda: steps(plan, control), control)
        self._worker.yielded.connect(self.happened)
        self._worker.returned.connect(self._returned)
        self._worker.cancelled.connect(self.cancelled)
        self._worker.errored.connect(self.failed)

    def start(self) -> None:
        """Begin, in a thread of the pool."""
        self._worker.start()

    def _returned(self, _: object) -> None:
        self.ended.emit()


def steps(plan: Plan, control: Control) -> Generator[Event, None, None]:
    """Run the stages in turn. A stop keeps what there is and begins no further stage."""
    from .. import pipeline, saved_models

    spare_a_core()
    if not plan.main.models:  # a wrong start is refused before the classical methods have run
        saved_models.begin(plan.main.recipe, plan.main.start or None, plan.stack.n_channels)
    for number, stage in enumerate(plan.stages):
        if control.stopping and number:
            return
        work = pipeline.iterate(
            stage.recipe,
            plan.stack,
            psf=plan.psf,
            models=stage.models or None,
            start=stage.start or None,
            control=control,
        )
        try:
            restoration = yield from _paced(work, number)
        except Cancelled:
            raise
        except Exception as error:
            if stage.main:
                raise
            if not isinstance(error, InputError):
                log.exception("%s failed", stage.label)
            yield Skipped(number, str(error))
        else:
            yield Done(number, restoration)


def _paced(
    work: Generator[Progress, None, Restoration], number: int
) -> Generator[Report, None, Restoration]:
    waiting: list[Progress] = []
    last = 0.0
    steps = Watched(work)
    for progress in steps:
        new_stage = bool(waiting) and waiting[-1].stage != progress.stage
        waiting.append(progress)
        if progress.preview is not None or new_stage or time.monotonic() - last >= PACE:
            last = time.monotonic()
            yield Report(number, tuple(waiting))
            waiting = []
    if waiting:
        yield Report(number, tuple(waiting))
    return steps.value

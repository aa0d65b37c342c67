"""Time and memory before Start, worked out away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import InputError
from .resolve import Plan
from .worker import Worker, call

#: Milliseconds of rest after the last change.
REST = 400


class Forecast(QObject):
    """Checks and estimates the latest plan; earlier ones are dropped."""

    ready = Signal(str, list)
    refused = Signal(str)
    begun = Signal()

    def __init__(self, plan: Callable[[], Plan], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._plan = plan
        self._held = False
        self._worker: Worker | None = None
        self._again = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST)
        self._timer.timeout.connect(self._begin)

    def ask(self) -> None:
        """Something has changed."""
        if not self._held:
            self._timer.start()

    def hold(self, held: bool) -> None:
        """Pause while a run needs the processor."""
        self._held = held
        if held:
            self._timer.stop()
        else:
            self.ask()

    def _begin(self) -> None:
        if self._worker is not None:
            self._again = True
            return
        try:
            plan = self._plan()
        except InputError as error:
            self.refused.emit(str(error))
            return
        self.begun.emit()
        self._worker = call(lambda: _work_out(plan))
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._errored)
        self._worker.start()

    def _returned(self, outcome: tuple[str, list[str]]) -> None:
        self._worker = None
        if not self._stale():
            self.ready.emit(*outcome)

    def _errored(self, error: Exception) -> None:
        self._worker = None
        if not self._stale():
            if isinstance(error, InputError):
                self.refused.emit(str(error))
            else:
                self.ready.emit("", [])

    def _stale(self) -> bool:
        again, self._again = self._again, False
        if again:
            self._timer.start()
        return again


def _work_out(plan: Plan) -> tuple[str, list[str]]:
    from ..cost import estimate

    seconds, memory = 0.0, 0
    for stage in plan.stages:
        cost = estimate(stage.recipe, plan.stack, psf=plan.psf, start=stage.start or None)
        seconds, memory = seconds + cost.seconds, max(memory, cost.memory)
    words = f"At most about {duration(seconds)}, {size(memory)} of memory. Device: {cost.reason}."
    return words, list(cost.notes)


def duration(seconds: float) -> str:
    """A time in words, as exact as an estimate is."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 60:
        return f"{round(seconds / 5) * 5} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def size(memory: int) -> str:
    """An amount of memory in words."""
    return f"{memory / 1e9:.1f} GB" if memory >= 1e8 else f"{max(1, round(memory / 1e6))} MB"

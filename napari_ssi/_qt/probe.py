"""Offset and clipping of a recording, measured away from the window's thread."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from .. import background
from ..errors import InputError
from ..stack import ImageStack
from .worker import Worker, call

#: Planes that are looked at, per channel.
PLANES = 8


class Probe(QObject):
    """Measures the latest recording; what comes in late for an earlier one is dropped."""

    measured = Signal(list)
    refused = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: Worker | None = None
        self._next: ImageStack | None = None
        self._lowest: background.Lowest = "measured"
        self._wanted = False

    def measure(self, stack: ImageStack | None, lowest: background.Lowest) -> None:
        """Measure this recording next; ``None`` to drop what is under way."""
        self._next, self._wanted, self._lowest = stack, stack is not None, lowest
        if self._worker is None:
            self._begin()

    def _begin(self) -> None:
        stack, lowest, self._next = self._next, self._lowest, None
        if stack is None:
            return
        self._worker = call(
            lambda: [
                background.measure(stack.planes(c, PLANES), lowest=lowest)
                for c in range(stack.n_channels)
            ]
        )
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._errored)
        self._worker.start()

    def _returned(self, levels: list[background.Levels]) -> None:
        self._worker = None
        if self._next is None:
            if self._wanted:
                self.measured.emit(levels)
        else:
            self._begin()

    def _errored(self, error: Exception) -> None:
        self._worker = None
        if self._next is None:
            known = isinstance(error, InputError)
            words = str(error) if known else f"The image cannot be read: {error}"
            if self._wanted:
                self.refused.emit(words)
        else:
            self._begin()

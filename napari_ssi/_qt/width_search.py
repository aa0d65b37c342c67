"""The width of a PSF looked for on a recording, away from the window's thread."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from qtpy.QtCore import QObject, Signal

from ..errors import InputError
from ..events import Control, Progress
from ..stack import ImageStack
from .worker import Worker, spare_a_core


class WidthSearch(QObject):
    """Searches one recording at a time; can be cancelled, and then says nothing more of it."""

    progressed = Signal(object)
    found = Signal(object)
    refused = Signal(str)
    ended = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._control: Control | None = None
        self._worker: Worker | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._control is not None

    def begin(self, stack: ImageStack, axial_ratio: float) -> None:
        """Look for the width; what is under way is dropped."""
        self.cancel()
        control = self._control = Control()
        worker = self._worker = Worker(lambda: _search(stack, axial_ratio, control), control)
        worker.yielded.connect(lambda progress: self._tell(control, self.progressed, progress))
        worker.returned.connect(lambda found: self._end(control, self.found, found))
        worker.errored.connect(lambda error: self._end(control, self.refused, _words(error)))
        worker.start()

    def cancel(self) -> None:
        """Drop what is under way."""
        if self._control is not None:
            self._control.cancel()
            self._control = None
            self.ended.emit()

    def _tell(self, control: Control, signal: Any, what: object) -> None:
        if control is self._control:
            signal.emit(what)

    def _end(self, control: Control, signal: Any, what: object) -> None:
        if control is self._control:
            self._control = None
            self.ended.emit()
            signal.emit(what)


def _search(
    stack: ImageStack, axial_ratio: float, control: Control
) -> Generator[Progress, None, Any]:
    from ..psf_from_image import iterate

    spare_a_core()
    return (yield from iterate(stack, axial_ratio=axial_ratio, control=control))


def _words(error: Exception) -> str:
    known = isinstance(error, InputError)
    return str(error) if known else f"The width cannot be looked for: {error}"

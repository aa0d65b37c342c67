"""Noise measured on the recording, away from the window's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject, Signal

from ..errors import InputError
from ..physics._mask import PackedMask
from ..recipe import Levels, Part
from ..stack import ImageStack
from .worker import Worker, call


@dataclass(frozen=True)
class Measured:
    """What was found, in words and as numbers, and what is recommended."""

    report: Any
    noise: Part
    method: str
    advice: str
    #: Known from dark frames, else None.
    offset: float | None


@dataclass(frozen=True)
class Context:
    """What a measurement depends on beside the recording.

    The name of the forward model, the path of the dark frames (empty for none), and the pixels that
    are left out.
    """

    physics: str
    dark: str
    mask: PackedMask | None


class NoiseProbe(QObject):
    """Measures one recording at a time; a later request drops an earlier one's answer."""

    measured = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: Worker | None = None
        self._asked = 0
        #: In which the last measurement was asked for, or is under way; none that counts any more.
        self.context: Context | None = None

    def measure(self, stack: ImageStack, levels: Levels, context: Context) -> None:
        """Measure the first channel."""
        self._asked += 1
        self.context = context
        number = self._asked
        self._worker = call(lambda: _work_out(stack, levels, context))
        self._worker.returned.connect(lambda found: self._answer(number, self.measured, found))
        self._worker.errored.connect(lambda error: self._failed(number, error))
        self._worker.start()

    def forget(self) -> None:
        """What was measured of has changed: what is under way is of no interest."""
        self._asked += 1
        self.context = None

    def _answer(self, number: int, signal: Any, what: object) -> None:
        if number == self._asked:
            signal.emit(what)

    def _failed(self, number: int, error: Exception) -> None:
        known = isinstance(error, InputError)
        words = str(error) if known else f"The noise cannot be measured: {error}"
        self._answer(number, self.refused, words)


def _work_out(stack: ImageStack, levels: Levels, context: Context) -> Measured:
    from .. import io
    from ..noise.estimation import recommend
    from ..noise.measuring import measure_noise

    dark = io.read(context.dark) if context.dark else None
    mask = None if context.mask is None else context.mask.array()
    report = measure_noise(stack, offset=levels.offset, lowest=levels.lowest, dark=dark, mask=mask)
    name, params, method, advice = recommend(report, context.physics)
    noise = Part(name=name, params=params)
    return Measured(report, noise, method, advice, None if dark is None else report.offset)

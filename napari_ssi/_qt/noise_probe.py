"""Noise measured on the recording, away from the window's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from ..errors import InputError
from ..recipe import Part
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


class NoiseProbe(QObject):
    """Measures one recording at a time; a later request drops an earlier one's answer."""

    measured = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: Worker | None = None
        self._asked = 0

    def measure(
        self,
        stack: ImageStack,
        offset: float | None,
        physics: str,
        dark: str,
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        """Measure the first channel, with the dark frames of a file if there is one.

        ``mask`` marks the pixels that are left out.
        """
        self._asked += 1
        number = self._asked
        self._worker = call(lambda: _work_out(stack, offset, physics, dark, mask))
        self._worker.returned.connect(lambda found: self._answer(number, self.measured, found))
        self._worker.errored.connect(lambda error: self._failed(number, error))
        self._worker.start()

    def forget(self) -> None:
        """The recording has changed: what is under way is of no interest."""
        self._asked += 1

    def _answer(self, number: int, signal: Any, what: object) -> None:
        if number == self._asked:
            signal.emit(what)

    def _failed(self, number: int, error: Exception) -> None:
        known = isinstance(error, InputError)
        words = str(error) if known else f"The noise cannot be measured: {error}"
        self._answer(number, self.refused, words)


def _work_out(
    stack: ImageStack,
    offset: float | None,
    physics: str,
    dark: str,
    mask: NDArray[np.bool_] | None,
) -> Measured:
    from .. import io
    from ..noise.estimation import recommend
    from ..noise.measuring import measure_noise

    report = measure_noise(stack, offset=offset, dark=io.read(dark) if dark else None, mask=mask)
    name, params, method, advice = recommend(report, physics)
    noise = Part(name=name, params=params)
    return Measured(report, noise, method, advice, report.offset if dark else None)

"""How many pixels a recording loses as unusable, counted away from the window's thread."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from ..errors import InputError
from ..recipe import Part
from ..stack import ImageStack
from .chain import bound
from .worker import Worker, call

#: Frames that are looked at, evenly spread, and pixels up to which a frame is.
FRAMES, MOST = 4, 1 << 26


class BadPixels(QObject):
    """Counts for the latest recording and choice; what comes in late for an earlier one is dropped."""

    counted = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: Worker | None = None
        self._asked: tuple[Part, ImageStack] | None = None

    def count(self, part: Part, stack: ImageStack) -> None:
        """Count what the forward model ``part`` (``inpainting``) leaves out of ``stack``; once for each."""
        asked = (part, stack)
        if self._asked is not None and self._asked[1] is stack and self._asked[0] == part:
            return
        self._asked = asked
        self.counted.emit("Looking for bad pixels …")
        self._worker = call(lambda: counted(part, stack))
        self._worker.returned.connect(lambda words: self._answer(asked, words))
        self._worker.errored.connect(lambda error: self._failed(asked, error))
        self._worker.start()

    def forget(self) -> None:
        """Nothing is to be left out: what is under way is of no interest."""
        if self._asked is not None:
            self._asked = None
            self.counted.emit("")

    def _answer(self, asked: Any, words: str) -> None:
        if asked is self._asked:
            self.counted.emit(words)

    def _failed(self, asked: Any, error: Exception) -> None:
        known = isinstance(error, InputError)
        self._answer(asked, str(error) if known else f"The image cannot be read: {error}")


def counted(part: Part, stack: ImageStack) -> str:
    """How many pixels are left out, in words, as the restoration itself finds them.

    Examples
    --------
    >>> y = np.random.default_rng(0).normal(100, 1, (32, 32)).astype("float32")
    >>> y[8, 9] = 900
    >>> counted(Part(name="inpainting"), ImageStack(y, "YX"))
    'Left out: 1 of 1024 pixels (0.098%).'
    """
    from ..frames import tensor

    if math.prod(stack.spatial_shape) > MOST:
        return "The recording is too large to count its bad pixels beforehand."
    physics, _ = bound(part, stack)
    physics.calibrate(1.0, 0.0)  # as read
    frames = stack.frames(0)
    some = np.unique(np.linspace(0, len(frames) - 1, FRAMES).round().astype(int))
    found = pixels = 0
    for i in some:
        y = tensor(stack.read(frames[i]))
        missing = physics.missing(y)
        found += 0 if missing is None else int(missing.sum())
        pixels += y.numel()
    places = [f"{len(some)} of {len(frames)} time points"] if len(frames) > len(some) else []
    if stack.n_channels > 1:
        places.append(f"channel {stack.channel_name(0)}")
    where = f", in {' of '.join(places)}" if places else ""
    share = f" ({100 * found / pixels:.2g}%)" if found else ""
    return f"Left out: {found or 'none'} of {pixels} pixels{share}{where}."

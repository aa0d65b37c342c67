"""What a loss or a baseline may ask of the noise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..background import Levels
from ..configured import Configured


class NoiseModel(Configured, ABC):
    """What is known of the noise n in ``y = n(A x)``.

    A loss asks the model and never which model it is. One instance describes one
    channel, in the units of the recording until :meth:`rescaled`.
    """

    @abstractmethod
    def fitted(self, planes: list[NDArray[np.float32]], levels: Levels) -> Self:
        """A copy with what is not yet known measured on (Y, X) planes of the recording."""

    @abstractmethod
    def rescaled(self, scale: float, offset: float) -> Self:
        """The model of ``(y - offset) / scale``."""

    def mean(self, z: Tensor) -> Tensor:
        """``E[y | A x = z]``: z itself, unless the camera clips."""
        return z

    def describe(self) -> str:
        """What is assumed, in one sentence."""
        return ""

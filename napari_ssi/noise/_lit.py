"""Noise that depends on how far the light is above the camera's offset."""

from __future__ import annotations

from pydantic import PrivateAttr
from torch import Tensor

from ..background import Levels
from ._clipping import Clipped


class Lit(Clipped):
    """Knows the offset: what the camera shows without light, in the units of the model."""

    _offset: float = PrivateAttr(0.0)

    def _limit(self, levels: Levels, *, low: bool = True) -> None:
        super()._limit(levels, low=low)
        self._offset = levels.offset

    def _move(self, scale: float, offset: float) -> None:
        super()._move(scale, offset)
        self._offset = (self._offset - offset) / scale

    def _light(self, z: Tensor) -> Tensor:
        """Brightness above the offset, at least 0."""
        return (z - self._offset).clamp_min(0)

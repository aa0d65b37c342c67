"""What a network learns from: frames, and pixels that are kept out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise.base import NoiseModel
from ..physics.base import Physics
from . import held_out
from .cleaning import cleaned

#: Share of the pixels up to which those that are missing or spoiled are few.
FEW = 0.05


@dataclass(frozen=True)
class Material:
    """Frames ``(1, C, [Z,] Y, X)`` on the device of their physics, and masks of the same shape.

    Attributes
    ----------
    frames
        Bad pixels are replaced by their neighbours.
    measured
        The same, but as recorded where pixels are missing: for methods that leave these out.
    apart
        Pixels that no loss may see: held out, or spoiled.
    held
        Pixels that judge: held out, and not spoiled.
    """

    frames: list[Tensor]
    measured: list[Tensor]
    apart: list[Tensor]
    held: list[Tensor]

    def spoiled(self, n: int) -> Tensor:
        """Pixels of a frame that are missing, or that belie the noise: it has them from their neighbours."""
        return self.apart[n] & ~self.held[n]

    @property
    def complete(self) -> bool:
        """Whether so few pixels are missing or spoiled that the others stand for all."""
        return all(float(self.spoiled(n).float().mean()) <= FEW for n in range(len(self.frames)))

    @classmethod
    def draw(
        cls,
        y: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        trusted: NoiseModel | None,
        generator: torch.Generator,
    ) -> Material:
        """Clean the frames, and draw pixels to keep out.

        ``trusted`` is the noise that the loss relies on: pixels that belie it are spoiled.
        """
        frames, measured, apart, held = [], [], [], []
        missing = [physics.missing(frame) for frame in y]
        clean = [cleaned(f, trusted, m) for f, m in zip(y, missing, strict=True)]
        # of two recordings of one scene, the same pixels
        drawn = held_out.draw([f[:, :1] for f, _ in clean], noise, generator)
        for was, gone, (frame, spoiled), out in zip(y, missing, clean, drawn, strict=True):
            frames.append(frame)
            measured.append(frame if gone is None else torch.where(gone, was, frame))
            apart.append(out | spoiled)
            held.append(out & ~spoiled)
        return cls(frames, measured, apart, held)

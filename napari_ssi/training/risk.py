"""How well a part of a recording is predicted from all of it."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d

from ..events import Control, Progress, Watched, part_of
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Weighted
from ..stein import Stein, explained
from .first_guess import limited
from .held_out import LOOKED_AT, sure_part

#: Times the variance of shared noise that was measured: a network makes more of noise that is measured too
#: small than a classical method does.
DOUBT = 1.15
#: Standard errors by which one estimate must be better than another: what a blur takes away is not judged.
CLEARLY = 2.0
#: Of fewer pixels a standard error says little: then all count.
FEWEST = 100
#: Side of the squares, or cubes, in pixels, whose means are taken for independent of each other.
BLOCK = 16


@dataclass(frozen=True)
class Risk:
    """Stein's estimate of the squared error, see :class:`~napari_ssi.stein.Stein`.

    Attributes
    ----------
    stein
        Of a part of the recording; its ``data`` are to be restored, and predicted again.
    physics
        Of that part.
    kept
        1 for the pixels that were measured.
    counted
        The pixels (bool) that count.
    """

    stein: Stein
    physics: Physics
    kept: Tensor
    counted: Tensor

    @classmethod
    def of(
        cls,
        frame: Tensor,
        lost: Tensor,
        physics: Physics,
        noise: NoiseModel,
        generator: torch.Generator,
        counted: Tensor | None = None,
    ) -> Risk:
        """For a frame (1, 1, [Z,] Y, X), of a large one for the part with the strongest contrast.

        ``lost`` are pixels (bool, of the same shape) that were missing or spoiled, and which the frame has from
        their neighbours, ``counted`` those that are to count: of too few, all are.
        """
        ndim = frame.ndim - 2
        kept = (~lost).to(frame.dtype)
        counted = kept > 0 if counted is None else counted & (kept > 0)
        (y,), part = limited([frame], LOOKED_AT[ndim] // math.prod(physics.finer((1,) * ndim)))
        for axis, (start, size) in enumerate(part, start=2):
            kept, counted = (a.narrow(axis, start, size) for a in (kept, counted))
        usable = explained(y, noise).to(y.device) & (kept > 0)
        counted = counted & usable
        counted = counted if int(counted.sum()) >= FEWEST else usable
        physics = physics.part([[start for start, _ in part]], [size for _, size in part])
        doubt = DOUBT if noise.correlated else 1.0
        return cls(Stein(y, noise, generator, doubt), physics, kept, counted)

    def objects(self, method: Weighted, control: Control) -> Generator[Progress, None, Tensor]:
        """What a classical method makes of the data."""
        found = []
        for n, y in enumerate(self.stein.data.split(1)):
            job = Watched(method.objects(y, self.kept, self.physics, control))
            for progress in job:
                yield part_of(progress, "comparing", n, len(self.stein.data))
            found.append(job.value)
        return torch.cat(found)

    def error(self, predictions: Tensor) -> float:
        """The risk, and the variance of the noise: what another recording would be predicted with."""
        return average(self.stein.losses(predictions), self.counted)[0]

    def behind(self, predictions: Tensor, others: Tensor) -> tuple[float, float]:
        """By how much the risk of some exceeds that of others, and the standard error of that."""
        apart = self.stein.losses(predictions) - self.stein.losses(others)
        return average(apart, self.counted)

    def share(self, before: Tensor, after: Tensor) -> float:
        r"""How far to go from one estimate towards another, 0 to 1.

        The risk after a share w of the way is :math:`a + b w + c w^2`, least at
        :math:`\hat w = -b / 2c`, with twice the standard error from square to square; see
        :func:`~napari_ssi.training.held_out.sure_part`.
        """
        first, middle, last = (
            self.stein.losses(torch.lerp(before, after, w)) for w in (0.0, 0.5, 1.0)
        )
        c = 2 * (first - 2 * middle + last)
        b = last - first - c
        (slope, _), (power, _) = (average(term, self.counted) for term in (b, c))
        w = -slope / (2 * power) if power > 0 else 0.0
        if w <= 0:
            return 0.0
        _, error = average(b + 2 * w * c, self.counted)
        return sure_part(w, (CLEARLY * error / (2 * power)) ** 2)


def telling(frames: Sequence[Tensor]) -> int:
    """The frame with the strongest contrast: the first one may be dark."""
    return max(range(len(frames)), key=lambda n: float(frames[n].var()))


def average(losses: Tensor, counted: Tensor) -> tuple[float, float]:
    """The mean of losses (1, 1, [Z,] Y, X) over the pixels that count (bool), and its standard error.

    That is from square to square, or cube to cube, of :data:`BLOCK` pixels: neighbours are not independent.
    """
    size = [max(1, min(BLOCK, n // 4)) for n in losses.shape[2:]]
    kept = counted.to(losses.dtype)
    pool = avg_pool2d if len(size) == 2 else avg_pool3d
    squares = pool(torch.cat([losses * kept, kept]), size, ceil_mode=True, divisor_override=1)
    sums, count = squares.reshape(2, -1).cpu().double()
    mean = sums.sum() / count.sum()
    spread = (sums - mean * count).square().sum().sqrt() / count.sum()
    return float(mean), float(spread)

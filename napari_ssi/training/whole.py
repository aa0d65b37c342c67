"""How good a correction of a first guess is where pixels share noise: judged with nothing left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ..events import Control, Progress, Watched
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..stein import Stein, explained
from .first_guess import FirstGuess, limited
from .held_out import LOOKED_AT, sure_part

#: Times the variance that was measured: a network makes more of noise that is measured too small than a
#: classical method does.
DOUBT = 1.3
#: Standard errors by which a correction must be of use: what a blur takes away of it is not judged.
CLEARLY = 2.0
#: Of fewer pixels a standard error says little: then all count.
FEWEST = 100
#: Side of the squares, in pixels, whose means are taken for independent of each other.
BLOCK = 16


class Whole:
    """Judges by Stein's estimate of the error of what is predicted from all of a recording.

    Held-out pixels need holes in the recording as wide as noise is shared, and a first guess made with these is
    worse than the one that is corrected in the end: what mends it need not be of use then.
    What is seen of an estimate is ``A x`` for the recording and for the same with a little more noise, see
    :class:`~napari_ssi.stein.Stein`; the guess is made anew for each. Only pixels are counted whose noise
    has no part in what the network was trained to predict.
    """

    def __init__(
        self, stein: Stein, physics: Physics, objects: list[Tensor], counted: Tensor, partly: bool
    ) -> None:
        self._stein, self._physics, self._counted, self._partly = stein, physics, counted, partly
        self._shown = [
            torch.cat([physics.initial(y), x], 1)
            for y, x in zip(stein.data.split(1), objects, strict=True)
        ]
        self._guess = torch.cat([physics.A(x) for x in objects])

    @classmethod
    def of(
        cls,
        guess: FirstGuess,
        frame: Tensor,
        apart: Tensor,
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
        *,
        partly: bool = True,
    ) -> Generator[Progress, None, Whole]:
        """Make the first guesses; of a large frame for the part with the strongest contrast.

        Parameters
        ----------
        guess
            Whose method is taken, and that says which pixels of ``frame``, its first one, are predicted.
        frame, apart
            The recording, and the pixels (bool) of it that are not predicted.
        physics, noise
            Theirs.
        control, generator
            See :class:`~napari_ssi.restorer.Restorer`.
        partly
            A correction is taken in part where that is better: it is judged by that part.
        """
        ndim = frame.ndim - 2
        counted = ~noise.sharing(guess.unseen[0].any(0, keepdim=True) & ~apart)
        lost = physics.missing(frame)
        kept = torch.ones_like(frame) if lost is None else (~lost).to(frame.dtype)
        (y,), part = limited([frame], LOOKED_AT[ndim] // math.prod(physics.finer((1,) * ndim)))
        for axis, (start, size) in enumerate(part, start=2):
            kept, counted = (a.narrow(axis, start, size) for a in (kept, counted))
        physics = physics.part([[start for start, _ in part]], [size for _, size in part])
        usable = explained(y, noise).to(y.device) & (kept > 0)
        counted = counted & usable if int((counted & usable).sum()) >= FEWEST else usable
        stein = Stein(y, noise, generator, DOUBT)
        objects = []
        for each in stein.data.split(1):
            job = Watched(guess.method.objects(each, kept, physics, control))
            for progress in job:
                yield replace(progress, values={}, preview=None)
            objects.append(job.value)
        return cls(stein, physics, objects, counted, partly)

    def look(self, network: Callable[[Tensor], Tensor]) -> Tensor:
        """``A x`` for each of the recordings."""
        with torch.no_grad():
            return torch.cat([self._physics.A(network(shown)) for shown in self._shown])

    def error(self, predictions: Tensor) -> float:
        """The risk, and the variance of the noise: what another recording would be predicted with."""
        return self._mean(self._losses(predictions))[0]

    def behind(self, predictions: Tensor, others: Tensor) -> tuple[float, float]:
        """By how much the risk of some exceeds that of others, and the standard error of that."""
        return self._mean(self._losses(predictions) - self._losses(others))

    def _losses(self, predictions: Tensor) -> Tensor:
        if self._partly:
            w = self.share(self._guess, predictions)
            predictions = torch.lerp(self._guess, predictions, w)
        return self._stein.losses(predictions)

    def share(self, before: Tensor, after: Tensor) -> float:
        r"""How far to go from an earlier estimate towards a later one, 0 to 1.

        The risk after a share w of the way is :math:`a + b w + c w^2`, least at
        :math:`\hat w = -b / 2c`, with twice the standard error from square to square; see
        :func:`~napari_ssi.training.held_out.sure_part`.
        """
        first, middle, last = (
            self._stein.losses(torch.lerp(before, after, w)) for w in (0.0, 0.5, 1.0)
        )
        c = 2 * (first - 2 * middle + last)
        b = last - first - c
        (slope, _), (power, _) = self._mean(b), self._mean(c)
        w = -slope / (2 * power) if power > 0 else 0.0
        if w <= 0:
            return 0.0
        _, error = self._mean(b + 2 * w * c)
        return sure_part(w, (CLEARLY * error / (2 * power)) ** 2)

    def _mean(self, losses: Tensor) -> tuple[float, float]:
        """Over the pixels that count, and its standard error from square to square."""
        side = max(1, min(BLOCK, *(n // 4 for n in losses.shape[-2:])))
        counted = self._counted.to(losses.dtype)
        planes = torch.stack([losses * counted, counted]).reshape(-1, 1, *losses.shape[-2:])
        sums, count = (
            avg_pool2d(planes, side, ceil_mode=True, divisor_override=1)
            .reshape(2, -1)
            .cpu()
            .double()
        )
        mean = sums.sum() / count.sum()
        spread = (sums - mean * count).square().sum().sqrt() / count.sum()
        return float(mean), float(spread)

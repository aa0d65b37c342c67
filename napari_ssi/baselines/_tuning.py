"""How a classical method chooses its own setting: by pixels that it has not seen.

In each of a few folds some pixels get weight zero. The method then follows its
path from the most to the least regularised setting, and each setting is scored
by how well the result, blurred again, predicts the pixels kept out. That is a
score in the measurement domain, which sees little of the high frequencies that
blur has removed, and stops late; so the most regularised setting that is within
one standard error of the best is taken, and run again on all pixels.
Where pixels share noise the losses are those of :mod:`~napari_ssi.stein` instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor

from ..noise.base import NoiseModel
from ..paired import excess
from ._photons import Photons
from ._tiles import box

#: Number of folds, and share of the pixels kept out in each.
FOLDS, SHARE = 3, 0.125
#: Share that is kept out where pixels share noise, with all that share it.
GUARDED = 0.25
#: Residuals beyond so many standard deviations of the noise count less, in the fit and the score.
OUTLYING = 2.0
#: At most so many scored pixels; more would cost memory and change nothing.
SCORED = 200_000
#: The largest crop that is tuned on, by number of axes.
CROP = {2: (256, 256), 3: (24, 128, 128)}
#: Below so many pixels, or scored ones, a standard error says little, and fixed settings are used.
SMALLEST, FEWEST = 256, 100


def informative(
    frames: Sequence[Tensor], most: Sequence[int] | None = None
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """The crop, of at most :data:`CROP`, with the most structure: highest variance of smooth values.

    Or of at most ``most`` pixels along each axis. Noise is averaged out before, in blocks of
    4 x 4 pixels. The number of its frame, where it begins there, and its size.
    """
    best, chosen = -1.0, (0, (0,) * (frames[0].ndim - 2), tuple(frames[0].shape[2:]))
    for number, frame in enumerate(frames):
        shape = tuple(frame.shape[2:])
        limits = most or CROP[len(shape)]
        size = tuple(min(n, c) for n, c in zip(shape, limits, strict=True))
        for start in _corners(frame, shape, size):
            part = frame[box(size, start)]
            planes = part.reshape(-1, 1, *part.shape[-2:])
            side = min(4, *planes.shape[-2:])
            energy = float(torch.nn.functional.avg_pool2d(planes, side).var(correction=0))
            if energy > best:
                best, chosen = energy, (number, start, size)
    return chosen


def _corners(frame: Tensor, shape: tuple[int, ...], size: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Where crops may start: half a crop apart, over the whole frame."""
    steps = [
        sorted({*range(0, n - s + 1, max(1, s // 2)), n - s})
        for n, s in zip(shape, size, strict=True)
    ]
    return [
        tuple(int(v) for v in corner)
        for corner in np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, len(shape))
    ]


def folds(
    shape: Sequence[int], generator: torch.Generator, noise: NoiseModel
) -> tuple[Tensor, Tensor]:
    """Which pixels each fold keeps out, and which of these it is scored by: (FOLDS, 1, *shape), bool.

    All that are kept out, and no pixel is in two folds; but under correlated noise those are
    kept out, too, that share noise with the scored ones.
    """
    order = torch.rand(tuple(shape), generator=generator)
    share = noise.thinned(SHARE, GUARDED, order[None, None])
    held = [(order >= k * share) & (order < (k + 1) * share) for k in range(FOLDS)]
    hidden = noise.sharing(torch.stack(held)[:, None])
    return hidden, noise.alone(hidden)


def noise_level(y: Tensor, w: Tensor | None = None) -> float:
    """Standard deviation of the noise where it is strongest, roughly and robustly; engine units.

    The median absolute deviation of a pixel from the mean of its four neighbours in the plane, over
    all pixels and over the brighter half, where photon noise is larger: the larger of the two.
    Only pixels count that have a weight w above 0, as have their neighbours, if there are some.
    """
    if min(y.shape[-2:]) < 3:
        return 0.0
    planes = y.reshape(-1, *y.shape[-2:]).cpu().numpy()
    around = (
        planes[:, :-2, 1:-1] + planes[:, 2:, 1:-1] + planes[:, 1:-1, :-2] + planes[:, 1:-1, 2:]
    ) / 4
    residual = planes[:, 1:-1, 1:-1] - around
    level = uniform_filter(around, (0, 3, 3))
    if w is not None:
        kept = w.reshape(-1, *w.shape[-2:]).cpu().numpy() > 0
        whole = kept[:, 1:-1, 1:-1] & kept[:, :-2, 1:-1] & kept[:, 2:, 1:-1]
        whole &= kept[:, 1:-1, :-2] & kept[:, 1:-1, 2:]
        if np.count_nonzero(whole) >= FEWEST:
            residual, level, around = residual[whole], level[whole], around[whole]
    bright = residual[level >= np.median(around)]
    spread = max(float(np.median(np.abs(r - np.median(r)))) for r in (residual, bright))
    return spread / 0.6745 / math.sqrt(1.25)


def robust(residual: Tensor, sigma: float) -> Tensor:
    """Squared residuals, growing only linearly where they are outlying (Huber)."""
    size = residual.abs()
    if sigma <= 0:
        return size * size
    limit = OUTLYING * sigma
    return torch.where(size <= limit, size * size, limit * (2 * size - limit))


@dataclass
class Scores:
    """Held-out losses along a path, pixel by pixel, so that settings are compared in pairs.

    With ``photons`` the loss is the deviance of the counts, else the square.
    """

    sigma: float
    y: Tensor
    held: Tensor
    photons: Photons | None = None

    def __post_init__(self) -> None:
        self.settings: list[float] = []
        self.means: list[float] = []
        self._losses: list[Tensor] = []
        chosen = self.held.expand_as(self.y).flatten().nonzero().flatten()
        self.count = len(chosen)
        stride = max(1, -(-len(chosen) // SCORED))
        self._index = chosen[::stride]
        self._truth = self.y.flatten()[self._index]

    def add(self, setting: float, prediction: Tensor) -> float:
        """Score the next setting, less regularised than those before; returns its mean loss."""
        predicted = prediction.expand_as(self.y).flatten()[self._index]
        if self.photons is None:
            loss = robust(predicted - self._truth, self.sigma)
        else:
            loss = robust(self.photons.deviance(self._truth, predicted), 1.0)
        return self._note(setting, loss.cpu())

    def take(self, setting: float, losses: Tensor) -> float:
        """Score the next setting by losses known otherwise, those of all pixels."""
        return self._note(setting, losses.expand_as(self.y).flatten()[self._index].cpu())

    def _note(self, setting: float, loss: Tensor) -> float:
        self.settings.append(setting)
        self.means.append(float(loss.mean(dtype=torch.float64)))
        self._losses.append(loss)
        return self.means[-1]

    @property
    def best(self) -> int:
        """Index of the setting with the lowest loss."""
        return int(np.argmin(self.means))

    def losses(self, index: int) -> Tensor:
        """Those of a setting, pixel by pixel: the same pixels for every method and forward model."""
        return self._losses[index]

    def behind(self, index: int) -> tuple[float, float]:
        """By how much a setting's loss exceeds the best, and the standard error of that."""
        return excess(self._losses[index], self._losses[self.best])

    def hopeless(self) -> bool:
        """Whether the path has clearly passed its best, so that following it is a waste."""
        last = len(self.means) - 1
        if last < self.best + 3:
            return False
        more, error = self.behind(last)
        return more > 3 * error

    def choice(self, errors: float = 1.0) -> int:
        """The most regularised setting within ``errors`` standard errors of the best."""
        for index in range(self.best):
            more, error = self.behind(index)
            if more <= errors * error:
                return index
        return self.best

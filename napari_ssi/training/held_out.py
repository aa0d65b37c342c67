"""Pixels kept out of the fit, and how well they are predicted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..losses._masks import replaced
from ..noise.base import NoiseModel
from ..paired import excess
from ..physics.base import Physics
from .first_guess import FirstGuess
from .windows import Windows

#: Residuals beyond this quantile (outliers, hot pixels) do not enter the score.
TRIM = 0.98
#: Share of the pixels that are held out.
SHARE = 0.03
#: The same with the neighbours that share their noise, where they do.
GUARDED = 0.1
#: Pixels of the object that are looked at in a check, at most, in 2D and 3D.
LOOKED_AT = {2: 150_000, 3: 600_000}


def draw(frames: Sequence[Tensor], noise: NoiseModel, generator: torch.Generator) -> list[Tensor]:
    """Masks of single held-out pixels, spread at random over the frames; one each at least.

    Under correlated noise there are fewer, with all around them that share their noise.
    """
    masks = []
    for frame in frames:
        share = noise.thinned(SHARE, GUARDED, frame)
        chance = torch.rand(frame.shape, generator=generator, device=frame.device)
        masks.append(noise.sharing(chance <= chance.min().clamp_min(share)))
    return masks


class HeldOut:
    """The held-out error: ``mean (μ(A f(m(y))) - y)²`` over held-out pixels.

    Their values are replaced in the network's input and seen by no loss. A
    measurement-domain score: ``‖A(x̂ - x)‖²`` plus the variance of the noise, on a
    few fixed windows of the recording; the same pixels each time, so that scores
    can be compared although the noise in them is large. Under correlated noise only
    those are scored whose noise no visible pixel shares.
    """

    def __init__(
        self,
        frames: Sequence[Tensor],
        held: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        size: Sequence[int],
        generator: torch.Generator,
        guess: FirstGuess | None = None,
    ) -> None:
        shape = physics.extent(frames[0].shape[2:])
        whole = Windows(frames, held, physics, shape, False, guess)
        most = LOOKED_AT[len(whole.size)]
        if math.prod(whole.object) <= most:
            windows, n = whole, min(len(frames), most // math.prod(whole.object))
        else:
            windows = Windows(frames, held, physics, size, False, guess)
            n = max(2, most // math.prod(physics.finer(windows.size)))
        self._noise = noise
        self._batches = []
        for _ in range(n):
            y, mask, view = windows.draw(1, generator)
            target = view.target(noise.alone(mask))
            self._batches.append((view.initial(replaced(y, mask)), view.target(y), target, view))

    def look(self, network: Callable[[Tensor], Tensor]) -> Tensor:
        """The residual of each held-out pixel (N,)."""
        residuals = []
        with torch.no_grad():
            for seen, y, target, view in self._batches:
                z = self._noise.mean(view.A(network(seen)))
                residuals.append((z - y)[target])
        return torch.cat(residuals)

    def share(self, before: Tensor, after: Tensor) -> float:
        r"""How far to go from an earlier estimate towards a later one, 0 to 1.

        With r the residuals of the earlier one and d what the later one changes of them, the residuals
        after a share w of the way are r − w d. The least squares have

        .. math::
            \hat w = \frac{\langle d, r \rangle}{\langle d, d \rangle}, \quad
            s^2 = \frac{\operatorname{mean} (r - \hat w d)^2}{\langle d, d \rangle}

        with s the standard error, since the noise of the recording makes most of r. See :func:`sure_part`.
        """
        kept = usual(before, after)
        r, d = (a[kept].cpu().double() for a in (before, before - after))
        power = float(d.square().sum())
        w = float((d * r).sum()) / power if power > 0 else 0.0
        if w <= 0:
            return 0.0
        return sure_part(w, float((r - w * d).square().mean()) / power)

    def error(self, residuals: Tensor) -> float:
        """Their mean square, without the largest: the score."""
        values = residuals.square().sort().values
        kept = values[: max(1, int(TRIM * len(values)))]
        return float(kept.cpu().double().mean())  # an Apple GPU has no double precision

    def behind(self, residuals: Tensor, others: Tensor) -> tuple[float, float]:
        """By how much the score of some exceeds that of others, and the standard error of that."""
        kept = usual(residuals, others)
        return excess(residuals.square()[kept], others.square()[kept])


def usual(residuals: Tensor, others: Tensor) -> Tensor:
    """Indices of the pixels of which two residuals are compared: without those that are largest in both."""
    return (residuals.square() + others.square()).argsort()[: max(2, int(TRIM * len(residuals)))]


def sure_part(w: float, variance: float) -> float:
    r""":math:`\hat w (1 - s^2 / \hat w^2)_+`, at most 1, of a share w with a standard error s.

    What is not surely of use is taken in part, and what may be luck not at all. A mean of two estimates
    is often better than either (D. H. Wolpert, "Stacked generalization", Neural Networks 5, 1992,
    https://doi.org/10.1016/S0893-6080(05)80023-1).
    """
    return min(1.0, w * max(0.0, 1 - variance / w**2))

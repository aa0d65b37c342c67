"""Pixels kept out of the fit, and how well they are predicted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..losses._masks import replaced
from ..noise.base import NoiseModel
from ..physics.base import Physics
from .windows import Windows

#: Residuals beyond this quantile (outliers, hot pixels) do not enter the score.
TRIM = 0.98
#: About as many held-out pixels are wanted, and at most this share of all.
WANTED, MOST = 3000, 0.04
#: Pixels of the object that are looked at in a check, at most.
LOOKED_AT = 150_000


def draw(frames: Sequence[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Masks of single held-out pixels, spread at random over the frames."""
    total = sum(f.numel() for f in frames)
    share = min(MOST, max(WANTED / total, 0.005))
    return [torch.rand(f.shape, generator=generator, device=f.device) < share for f in frames]


class HeldOut:
    """The held-out error: ``mean (μ(A f(m(y))) - y)²`` over held-out pixels.

    Their values are replaced in the network's input and seen by no loss. A
    measurement-domain score: ``‖A(x̂ - x)‖²`` plus the variance of the noise, on a
    few fixed windows of the recording; the same pixels each time, so that scores
    can be compared although the noise in them is large.
    """

    def __init__(
        self,
        frames: Sequence[Tensor],
        held: Sequence[Tensor],
        physics: Physics,
        size: Sequence[int],
        generator: torch.Generator,
    ) -> None:
        whole = Windows(frames, held, physics, physics.object_shape(frames[0].shape[2:]), False)
        windows = whole
        n = 1
        if torch.Size(whole.size).numel() > LOOKED_AT:
            windows = Windows(frames, held, physics, size, False)
            n = max(2, LOOKED_AT // torch.Size(windows.size).numel())
        else:
            n = max(1, min(len(frames), LOOKED_AT // torch.Size(whole.size).numel()))
        self._batches = []
        for _ in range(n):
            y, mask, view = windows.draw(1, generator)
            target = view.target(mask)
            self._batches.append((view.initial(replaced(y, mask)), view.target(y), target, view))

    def __call__(self, network: Callable[[Tensor], Tensor], noise: NoiseModel) -> float:
        """The score of a network."""
        squares = []
        with torch.no_grad():
            for seen, y, target, view in self._batches:
                z = noise.mean(view.A(network(seen)))
                squares.append((z - y)[target].square())
        values = torch.cat(squares).sort().values
        kept = values[: max(1, int(TRIM * len(values)))]
        return float(kept.double().mean())

"""Which of two classical methods begins: the usual one, unless the other is clearly better."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..events import Control, Progress, Watched
from ..noise.base import NoiseModel
from ..paired import excess
from ..physics.base import Physics
from .base import Baseline, FittedBaseline

#: Standard errors by which the other must predict the pixels better that both have not seen. Of four
#: volumes it did by 5 to 7 where it restored 1.5 dB more, and by 3 where it restored 0.1 dB less.
CLEARLY = 4.0


@dataclass(frozen=True)
class Rivals:
    """Tunes both on the same pixels, in volumes; there a network corrects little of its first guess.

    In planes it is always the usual one: of nine images the other predicted held-out pixels better on
    five, restored less on one of these, and on another the network ended lower from it.
    """

    usual: Baseline
    other: Baseline
    #: What is said where the other is chosen.
    remark: str

    def tried(self, ndim: int) -> tuple[Baseline, ...]:
        """Those that are tuned for frames of so many axes."""
        return (self.usual, self.other) if ndim == 3 else (self.usual,)

    def fit(
        self,
        y: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
    ) -> Generator[Progress, None, FittedBaseline]:
        """See :class:`~napari_ssi.restorer.WeightedRestorer`."""
        tried = self.tried(y[0].ndim - 2)
        state = generator.get_state()
        found: list[FittedBaseline] = []
        for number, method in enumerate(tried):
            generator.set_state(state)  # the same pixels are kept out, or signs drawn
            fit = Watched(method.fit(y, physics, noise, control, generator))
            for progress in fit:
                each = method.tries
                done = number * each + each * progress.step // max(1, progress.total)
                yield replace(progress, step=done, total=len(tried) * each)
            found.append(fit.value)
            if control.stopping:
                break
        usual, *others = found
        clear = [other for other in others if _errors(other, usual) > CLEARLY]
        if not clear:
            return replace(usual, judged=None)
        return replace(clear[0], judged=None, remark=self.remark)


def _errors(one: FittedBaseline, two: FittedBaseline) -> float:
    """How many standard errors lower the loss of the first is, pixel by pixel."""
    if one.judged is None or two.judged is None:
        return 0.0
    lower, error = excess(two.judged, one.judged)
    return lower / error if error > 0 else 0.0

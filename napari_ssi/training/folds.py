"""The pixels that each first guess is made without, and those that it may be judged by."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..noise.base import NoiseModel

#: Guesses of a frame.
FOLDS = 4
#: Share of the pixels that a guess is made without, where each takes others with it that share its noise.
LEFT_OUT = 0.4


def dealt(frame: Tensor, noise: NoiseModel, generator: Generator) -> Tensor:
    """The pixels to leave out of each guess, (FOLDS, 1, *shape), bool.

    Each pixel is left out of one guess. Where pixels share noise single ones are, with all that share theirs:
    these can be judged, see :meth:`~napari_ssi.noise.base.NoiseModel.alone`. (Blocks of pixels with all around
    them would be more of them, but in such holes a guess is so poor that what mends it is of no use to
    one without.)

    Examples
    --------
    >>> from napari_ssi.noise.independent import Independent
    >>> left_out = dealt(torch.zeros(1, 1, 8, 8), Independent(), Generator().manual_seed(0))
    >>> bool((left_out.sum(0) == 1).all())
    True
    """
    if not noise.correlated:
        fold = torch.randint(FOLDS, frame.shape, generator=generator).to(frame.device)
        return torch.cat([fold == k for k in range(FOLDS)])
    chance = noise.thinned(1.0, LEFT_OUT, frame)
    drawn = []
    for _ in range(FOLDS):
        order = torch.rand(frame.shape, generator=generator)
        drawn.append(noise.sharing(order <= order.min().clamp_min(chance)))
    return torch.cat(drawn).to(frame.device)

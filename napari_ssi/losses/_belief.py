"""Whether a loss can still believe what it was told of the noise."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

#: An estimated error below this part of the noise's variance is none. It is negative by as much as the variance was
#: measured too large, and by more where a network learns the noise of a small recording by heart.
LEAST = -0.25
#: Steps that are looked back.
STEPS = 50


class Belief:
    """Follows an error that a loss estimates, in parts of the variance of the noise.

    Examples
    --------
    >>> import torch
    >>> belief = Belief()
    >>> belief.note(torch.tensor(0.5))
    >>> belief.lost
    False
    >>> for _ in range(100):
    ...     belief.note(torch.tensor(-0.6))
    >>> belief.lost
    True
    """

    def __init__(self) -> None:
        self._last: deque[Tensor] = deque(maxlen=STEPS)

    def note(self, share: Tensor) -> None:
        """The error of another step."""
        self._last.append(share.detach())

    @property
    def lost(self) -> bool:
        """Whether in the mean of the last steps it is clearly negative, which no error can be."""
        enough = len(self._last) == STEPS
        return enough and float(torch.stack(list(self._last)).mean()) < LEAST

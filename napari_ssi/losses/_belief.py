"""Whether a loss can still believe what it was told of the noise."""

from __future__ import annotations

from torch import Tensor

#: An estimated error below this part of the noise's variance is none: it is negative by as much as the variance
#: was measured too large, and no more.
LEAST = -0.25
#: Steps that its running mean looks back.
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
        self._mean: Tensor | None = None

    def note(self, share: Tensor) -> None:
        """The error of another step."""
        share = share.detach()
        self._mean = share if self._mean is None else self._mean.lerp(share, 1 / STEPS)

    @property
    def lost(self) -> bool:
        """Whether it is clearly negative, which no error can be."""
        return self._mean is not None and float(self._mean) < LEAST

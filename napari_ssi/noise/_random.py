"""Random numbers that the noise models share."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..errors import InputError


def normal(like: Tensor, generator: Generator) -> Tensor:
    """Standard normal, as many and of the kind of ``like``."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def gamma(shape: Tensor, generator: Generator) -> Tensor:
    """Gamma of the given shape and scale 1."""
    # what torch.distributions calls; that has no room for a generator
    return torch._standard_gamma(shape, generator=generator)


def share(alpha: float) -> float:
    """``alpha``, if two recordings can be made with it."""
    if not 0 < alpha < 1:
        raise InputError(f"The share alpha must be between 0 and 1. Got {alpha:g} instead.")
    return alpha

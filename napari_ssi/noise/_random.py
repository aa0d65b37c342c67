"""Random numbers that the noise models share.

PyTorch has no Poisson and binomial numbers on an Apple GPU (before 2.14, and no gamma numbers in
older versions): there they are drawn on the CPU.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ..errors import InputError


def normal(like: Tensor, generator: Generator) -> Tensor:
    """Standard normal, as many and of the kind of ``like``."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def poisson(rate: Tensor, generator: Generator) -> Tensor:
    """Poisson of the given mean."""
    there, beside = _able(rate, generator)
    return torch.poisson(there, generator=beside).to(rate)


def binomial(n: Tensor, chance: float, generator: Generator) -> Tensor:
    """How many of n come true, each with the same chance."""
    there, beside = _able(n, generator)
    return torch.binomial(there, torch.full_like(there, chance), generator=beside).to(n)


def gamma(shape: Tensor, generator: Generator) -> Tensor:
    """Gamma of the given shape and scale 1."""
    there, beside = _able(shape, generator)
    # what torch.distributions calls; that has no room for a generator
    return torch._standard_gamma(there, generator=beside).to(shape)


def _able(like: Tensor, generator: Generator) -> tuple[Tensor, Generator]:
    """The tensor where such numbers can be drawn, and a generator there, seeded by the one given."""
    if like.device.type != "mps":
        return like, generator
    seed = torch.randint(2**31, (), generator=generator, device=like.device)
    return like.cpu(), torch.Generator().manual_seed(int(seed))


def share(alpha: float) -> float:
    """``alpha``, if two recordings can be made with it."""
    if not 0 < alpha < 1:
        raise InputError(f"The share alpha must be between 0 and 1. Got {alpha:g} instead.")
    return alpha

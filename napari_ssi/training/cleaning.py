"""Bad pixels, replaced."""

from __future__ import annotations

import torch
from torch import Tensor

from ..losses._masks import replaced
from ..noise.base import NoiseModel


def cleaned(
    y: Tensor, noise: NoiseModel | None, missing: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """y with bad pixels replaced by their neighbours; which these are.

    Bad are those that are ``missing``, and those that the ``noise`` does not explain.
    """
    bad = torch.zeros_like(y, dtype=torch.bool)
    if missing is not None:
        bad = bad | missing
    if noise is not None:
        bad = bad | noise.outliers(y if missing is None else replaced(y, bad))
    return (replaced(y, bad) if bool(bad.any()) else y), bad

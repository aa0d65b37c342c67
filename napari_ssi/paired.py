"""Which of two predicts the same pixels better, and how surely."""

from __future__ import annotations

import math

from torch import Tensor


def excess(losses: Tensor, others: Tensor) -> tuple[float, float]:
    """By how much the mean of some losses exceeds that of others, and its standard error.

    Pixel by pixel, as the noise of the recording is the same in both and makes most of either.
    Of a single pixel the standard error is infinite.

    Examples
    --------
    >>> import torch
    >>> excess(torch.tensor([3.0, 5.0]), torch.tensor([1.0, 1.0]))
    (3.0, 1.0)
    """
    apart = (losses - others).cpu().double()
    if apart.numel() < 2:
        return float(apart.mean()), math.inf
    return float(apart.mean()), float(apart.std()) / math.sqrt(apart.numel())

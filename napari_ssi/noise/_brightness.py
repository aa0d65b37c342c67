"""How bright a recording is around each pixel."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

#: Pixels on either side that count.
AROUND = 3


def smooth(y: Tensor) -> Tensor:
    """The mean of the (up to) 7 x 7 pixels around each, in its plane: z with little of the noise."""
    planes = y.reshape(-1, 1, *y.shape[-2:])
    side = 2 * AROUND + 1
    return avg_pool2d(planes, side, 1, AROUND, count_include_pad=False).reshape(y.shape)


def beside(y: Tensor) -> Tensor:
    """The mean of the (up to) eight pixels beside each, in its plane: z to which the pixel itself adds nothing."""
    planes = y.reshape(-1, 1, *y.shape[-2:])
    both = torch.cat([planes, torch.ones_like(planes[:1])])
    sums = avg_pool2d(both, 3, 1, 1, divisor_override=1) - both
    return (sums[:-1] / sums[-1:].clamp_min(1)).reshape(y.shape)

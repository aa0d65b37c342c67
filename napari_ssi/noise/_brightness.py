"""How bright a recording is around each pixel."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d

#: Pixels on either side that count.
AROUND = 3


def smooth(y: Tensor) -> Tensor:
    """The mean of the (up to) 7 x 7 pixels around each, in its plane: z with little of the noise."""
    planes = y.reshape(-1, 1, *y.shape[-2:])
    side = 2 * AROUND + 1
    return avg_pool2d(planes, side, 1, AROUND, count_include_pad=False).reshape(y.shape)

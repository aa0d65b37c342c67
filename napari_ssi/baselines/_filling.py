"""Pixels without weight, taken from their neighbours."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d, pad


def filled(y: Tensor, w: Tensor) -> Tensor:
    """y with the pixels of weight zero replaced by the mean of the others among their neighbours."""
    means = avg_pool3d if y.ndim == 5 else avg_pool2d

    def pool(
        image: Tensor, size: int
    ) -> Tensor:  # of few planes too, which torch's own padding refuses
        edges = (size // 2,) * (2 * (y.ndim - 2))
        return means(pad(image, edges), size, 1)

    count, beside = pool(w, 5), pool(w, 3)
    axes = tuple(range(2, y.ndim))
    mean = (w * y).sum(axes, keepdim=True) / w.sum(axes, keepdim=True).clamp_min(1)
    near = pool(w * y, 3) / beside.clamp_min(1e-6)
    # with all neighbours held out as well, look a little further
    far = torch.where(count > 0, pool(w * y, 5) / count.clamp_min(1e-6), mean)
    fill = torch.where(beside > 0, near, far)
    return torch.where(w > 0, y, fill)

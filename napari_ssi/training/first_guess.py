"""A classical restoration as the network's start, made so that no pixel judges itself."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..events import Control, Progress, Watched
from ..noise.base import NoiseModel
from ..physics.base import Physics
from ..restorer import Show, Weighted, WeightedRestorer
from . import folds

#: Pixels, over all frames, beyond which only some of the frames are used, or a part of one.
MOST = 1 << 22


@dataclass
class FirstGuess:
    r"""Cross-fitted objects: ``x_k`` is restored from all pixels but those of fold k.

    The network sees ``x_k`` beside the measurement, and in such a window only
    pixels count in the loss whose noise has had no part in ``x_k``, so that a
    masked loss stays what it is, with the masked pixels' noise independent of all
    that the network has seen. Held-out pixels have no part in any ``x_k``.

    Attributes
    ----------
    method
        The tuned classical method; restores whole frames at the end.
    unseen
        Per frame the pixels whose noise has no part in each x_k, ``(FOLDS, 1, *shape)``, bool.
    objects
        Per frame ``(FOLDS, 1, *object)``.
    """

    method: Weighted
    unseen: list[Tensor]
    objects: list[Tensor]

    @classmethod
    def fit(
        cls,
        restorer: WeightedRestorer,
        frames: Sequence[Tensor],
        held: Sequence[Tensor],
        physics: Physics,
        noise: NoiseModel,
        control: Control,
        generator: torch.Generator,
        show: Show | None = None,
    ) -> Generator[Progress, None, FirstGuess]:
        """Tune the method, then restore each frame once a fold; ``show`` is of the first frame."""
        fit = restorer.fit([f.cpu() for f in frames], physics, noise, control, generator)
        tuning = Watched(fit)
        for progress in tuning:
            # its figures are not those of the training, which the history and the plot show
            yield replace(progress, stage="tuning the first guess", values={}, message="")
        method = tuning.value
        unseen: list[Tensor] = []
        objects: list[Tensor] = []
        for frame, out in zip(frames, held, strict=True):
            left_out = folds.dealt(frame, noise, generator)
            w = (~(left_out | out)).to(frame.dtype)
            first = show if not objects else None
            objects.append((yield from method.objects(frame, w, physics, control, first)))
            unseen.append(noise.alone(left_out | out) & left_out)
        return cls(method, unseen, objects)


def alone(seen: Tensor) -> Tensor:
    """The guess, (N, 1, *object), of what a network is shown of it and the recording."""
    return seen[:, 1:2]


def limited(
    frames: Sequence[Tensor], most: int | None = None
) -> tuple[list[Tensor], list[tuple[int, int]]]:
    """As much of the frames as first guesses are worth their time for; where that begins.

    Evenly spread frames; of one that is larger than ``most``, by default :data:`MOST`, the part with the
    strongest contrast. The second value has (start, size) per spatial axis.
    """
    most = most or MOST
    n = max(1, min(len(frames), most // frames[0].numel()))
    chosen = [frames[i * len(frames) // n] for i in range(n)]
    first = chosen[0]
    part = [(0, size) for size in first.shape[2:]]
    while first.numel() > most:
        axis = max(range(2, first.ndim), key=lambda a: first.shape[a])
        whole = first.shape[axis]
        size = max(whole // 2, whole * most // first.numel())
        contrast = (first - first.mean()).abs().movedim(axis, 0).flatten(1).sum(1).cumsum(0)
        start = int((contrast[size - 1 :] - contrast[: whole - size + 1]).argmax())
        part[axis - 2] = (part[axis - 2][0] + start, size)
        first = first.narrow(axis, start, size)
    for axis, (start, size) in enumerate(part, start=2):
        chosen = [frame.narrow(axis, start, size) for frame in chosen]
    return chosen, part


def around(y: Tensor, objects: Tensor, part: Sequence[tuple[int, int]], physics: Physics) -> Tensor:
    """A whole frame and a guess for it: that of one fold where there is one, else the frame."""
    y = physics.upsample(y)
    guess = y.clamp_min(0)
    inside = guess
    starts = physics.finer([start for start, _ in part])
    sizes = physics.finer([size for _, size in part])
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True), start=2):
        inside = inside.narrow(axis, start, size)
    inside.copy_(physics.crop(objects[:1]))
    return torch.cat([y, guess], 1)

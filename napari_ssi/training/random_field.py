"""A random picture, always the same, for the network to make the recording of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import InputError
from ..events import Control
from ..physics.base import Physics
from ..restorer import Show, Steps
from .first_guess import FirstGuess
from .folds import FOLDS


@dataclass
class RandomField:
    """Stands where a first guess would: the field of the one frame that was learned.

    Attributes
    ----------
    values
        Uniform in [0, 1], of the frame's shape; beyond its edges the network sees the
        reflection, as of a recording.
    frame
        Digest of the frame: of another the network says nothing.
    """

    values: Tensor
    frame: str
    estimates: dict[str, float] = field(default_factory=dict)
    remark: str = ""

    def apply(self, y: Tensor, physics: Physics, control: Control) -> Steps:
        """The field, if ``y`` is the frame that was learned."""
        yield from ()
        if digest(y) != self.frame:
            raise InputError(
                "The deep image prior has learned one frame only, and this is another; train on it "
                "instead."
            )
        return physics.upsample(self.values)

    def objects(
        self, y: Tensor, w: Tensor, physics: Physics, control: Control, show: Show | None = None
    ) -> Steps:
        """The same for all weightings: the recording has no part in it, and nothing is shown."""
        yield from self.apply(y, physics, control)
        x = physics.initial(self.values.to(physics.device))
        return x.expand(len(w), *x.shape[1:])


def beside(y: Sequence[Tensor], physics: Physics, generator: torch.Generator) -> FirstGuess:
    """A field, in the form in which windows show a first guess beside the recording."""
    if len(y) > 1:
        raise InputError(
            f"The deep image prior learns one frame, and the recording has at least {len(y)}; "
            "restore them one by one, or choose another method."
        )
    device = physics.device
    values = torch.rand(y[0].shape, generator=generator, device=device)
    seen = physics.initial(values)
    objects = seen.expand(FOLDS, *seen.shape[1:])
    unseen = torch.ones((FOLDS, *y[0].shape[1:]), dtype=torch.bool, device=device)
    return FirstGuess(RandomField(values.cpu(), digest(y[0])), [unseen], [objects])


def digest(y: Tensor) -> str:
    """Of the values."""
    return hashlib.sha256(y.cpu().contiguous().numpy().tobytes()).hexdigest()

"""A penalty on estimates outside a range, as in the SSI paper."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from .base import Penalty, Scene

ABOUT = {
    "bounds": {
        "label": "Bounds",
        "summary": "Discourages estimates below the darkest or above the brightest value allowed.",
        "when": "The specimen cannot be darker than the background.",
        "role": "term",
    },
}


class Bounds(Penalty):
    """``mean(relu(lower - x)² + relu(x - upper)²)``.

    Values are in engine units: 0 is the camera's offset and 1 the 99.8th
    percentile of the recording. H. Kobayashi et al., 2020,
    https://doi.org/10.48550/arXiv.2006.06156, section 3.
    """

    lower: float | None = Field(
        0.0,
        title="Lower bound",
        description="0 is the level without light.",
        json_schema_extra={"unit": "of the brightest"},
    )
    upper: float | None = Field(
        None,
        title="Upper bound",
        description="1 is about the brightest value recorded; a sharpened image may exceed it.",
        json_schema_extra={"unit": "of the brightest"},
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(
                f"the lower bound ({self.lower:g}) must be below the upper one ({self.upper:g})"
            )
        return self

    def __call__(self, x: Tensor, network: nn.Module, scene: Scene | None = None) -> Tensor:
        """The penalty."""
        total = x.new_zeros(())
        if self.lower is not None:
            total = total + (self.lower - x).relu().square().mean()
        if self.upper is not None:
            total = total + (x - self.upper).relu().square().mean()
        return total

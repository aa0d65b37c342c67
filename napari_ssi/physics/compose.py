"""Several forward models one after the other."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from .. import registry
from ..errors import InputError
from ..psf.source import PSFSource
from ._chain import Chain
from .base import Physics
from .chaining import chain_refusal

ABOUT = {
    "compose": {
        "label": "Several, one after the other",
        "summary": "Any of the other forward models in a row, from the specimen to the camera.",
        "when": "For example blur, coarse pixels and camera faults together.",
        "traits": ["linear", "mixing"],
    },
}


class _Link(BaseModel):
    """One of the forward models, as a recipe names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    params: dict[str, Any] = Field(default_factory=dict)


class Compose(Chain):
    r"""``A = A_n … A_2 A_1``, the first next to the specimen and the last next to the camera.

    A PSF is sampled on the grid of the object of its own link: before coarse pixels, on the
    fine one. A mask belongs to the camera and comes last.

    Examples
    --------
    >>> parts = [
    ...     {"name": "blur", "params": {"psf": {"kind": "gaussian", "fwhm": [0.3]}}},
    ...     {"name": "downsampling", "params": {"factor": [2]}},
    ...     {"name": "inpainting"},
    ... ]
    >>> physics = Compose.from_params({"parts": parts})
    >>> _ = physics.bind((32, 32), (0.2, 0.2))
    >>> physics.zoom
    (2, 2)
    """

    parts: tuple[_Link, ...] = Field(
        (),
        title="Parts",
        description="Names and parameters of the forward models, from the specimen to the camera.",
    )
    psf: PSFSource | None = Field(
        None,
        title="PSF",
        description="For the first part that takes one and does not name its own.",
    )

    @field_validator("parts", mode="before")
    @classmethod
    def _names_alone(cls, parts: Any) -> Any:
        if isinstance(parts, list | tuple):
            return tuple({"name": p} if isinstance(p, str) else p for p in parts)
        return parts

    def made(self) -> list[Physics]:
        """The parts, each with its parameters."""
        refusal = chain_refusal([part.name for part in self.parts])
        if refusal:
            raise InputError(refusal)
        links: list[Physics] = []
        psf = self.psf
        for part in self.parts:
            entry = registry.find("physics", part.name)
            params = dict(part.params)
            if psf is not None and params.get("psf") is None and "psf" in entry.load().model_fields:
                params["psf"], psf = psf, None
            links.append(entry.build(params))
        return links

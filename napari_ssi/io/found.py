"""What a reader found in a file, before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Found:
    """Pixels and facts, as the file has them.

    Attributes
    ----------
    data
        numpy or zarr array.
    axes
        A letter per axis: T C Z Y X; Q or I where the file does not name it; S for
        the samples of a colour.
    scale
        µm per pixel by axis letter, as far as it is known.
    channels
        Channel names; empty where there are none.
    """

    data: Any
    axes: str
    scale: dict[str, float] = field(default_factory=dict)
    channels: tuple[str, ...] = ()

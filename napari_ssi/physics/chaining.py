"""Which forward models may follow each other, asked before any of them is built; needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from .. import registry


def chain_refusal(names: Sequence[str]) -> str:
    """Why these forward models, from the specimen to the camera, make no chain; ``""`` if they do.

    Examples
    --------
    >>> chain_refusal(["blur", "downsampling", "inpainting"])
    ''
    >>> chain_refusal(["inpainting", "blur"])
    "Unusable pixels are the camera's: 'inpainting' must come last."
    """
    for name in names:
        entry = registry.find("physics", name)
        if name == "compose" or "linear" not in entry.traits:
            return (
                f"{entry.label!r} cannot be one of several forward models; choose it alone, with "
                "a PSF at most."
            )
    if "inpainting" in names[:-1]:
        return "Unusable pixels are the camera's: 'inpainting' must come last."
    return ""

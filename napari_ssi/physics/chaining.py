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
    for number, name in enumerate(names, 1):
        entry = registry.find("physics", name)
        if name == "compose" or "linear" not in entry.traits:
            return f"{entry.label!r} cannot be one of several forward models; name it alone."
        if name == "inpainting" and number < len(names):
            return "Unusable pixels are the camera's: 'inpainting' must come last."
    return ""

"""A finished restoration as napari layers."""

from __future__ import annotations

from typing import Any

from napari.layers import Image

from ..restoration import Restoration
from .resolve import Plan


def to_layers(restoration: Restoration, plan: Plan, label: str) -> list[Image]:
    """One layer per input layer, in its place, with the recipe in its metadata."""
    several = len(plan.frames) > 1  # layers that counted as channels: C comes first
    suffix = f"{label} (try)" if plan.is_try else label
    layers = []
    for channel, frame in enumerate(plan.frames):
        data = restoration.image[channel] if several else restoration.image
        # of a stack that was put together from layers C is first, and no axis of theirs
        recorded = plan.stack.shape[1:] if several else plan.stack.shape
        zoom = [n / m for n, m in zip(data.shape, recorded, strict=True)]
        settings = frame.finer(zoom).settings()
        layers.append(
            Image(
                data,
                name=f"{frame.name} · {suffix}",
                metadata={"napari_ssi": facts(restoration)},
                **settings,
            )
        )
    return layers


def facts(restoration: Restoration) -> dict[str, Any]:
    """What a layer's metadata keeps of a restoration, for napari's own Save."""
    return {
        "recipe": restoration.recipe.to_json(),
        "estimates": dict(restoration.estimates),
        "provenance": dict(restoration.provenance),
        "notes": list(restoration.notes),
        "axes": restoration.source.axes,
        "pixel_size": restoration.source.pixel_size,
        "psf": restoration.psf,
    }

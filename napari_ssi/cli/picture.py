"""Pictures of results: grey panels side by side, each under its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..io.atomic import atomically

Panel = tuple[str, NDArray[Any]]

#: Pixels of the strip that holds a panel's name, between panels, and a panel's least width.
STRIP, GAP, WIDTH = 26, 6, 320


def grey(image: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """A (Y, X) image as 8 bits, ``low`` black and ``high`` white."""
    scaled = (image.astype(np.float32) - low) / max(high - low, 1e-12)
    shades: NDArray[np.uint8] = (
        (np.clip(np.nan_to_num(scaled), 0, 1) * 255).round().astype(np.uint8)
    )
    return shades


def limits(images: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Black and white for all panels alike: the median of what each would choose."""
    ends = [np.nanpercentile(image, (0.5, 99.7)) for image in images]
    low, high = np.median(ends, axis=0)
    return float(low), float(high)


def save(image: NDArray[np.uint8], path: Path) -> Path:
    """Save a grey or colour picture as PNG, whole or not at all."""
    from PIL import Image

    with atomically(path) as (temporary,):
        Image.fromarray(image).save(temporary, format="PNG")
    return path


def comparison(panels: Sequence[Panel], path: Path, columns: int = 4) -> Path:
    """Save panels of one size in rows, with one contrast for all.

    Small images are enlarged by whole numbers, so that pixels stay pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = panels[0][1].shape
    times = max(1, -(-WIDTH // width))
    low, high = limits([image for _, image in panels])
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    cell = (width * times + GAP, height * times + STRIP + GAP)
    canvas = Image.new("L", (columns * cell[0] + GAP, rows * cell[1] + GAP), 24)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=15)
    for i, (name, image) in enumerate(panels):
        x, y = GAP + i % columns * cell[0], GAP + i // columns * cell[1]
        draw.text((x + 2, y + 3), name, fill=230, font=font)
        enlarged = grey(image, low, high).repeat(times, 0).repeat(times, 1)
        canvas.paste(Image.fromarray(enlarged), (x, y + STRIP))
    return save(np.asarray(canvas), path)

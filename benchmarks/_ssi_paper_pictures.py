"""Pictures of the paper's table with their spectra, as in its Fig. 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Drawing
from PIL import ImageDraw

from benchmarks import paper

#: Side of the part that is shown, in pixels, and height of the line with the name.
SIDE, LINE = 256, 16
#: What stands side by side, where it is there.
SHOWN = ("truth", "blurry", "noisy", "rl5", "tv", "hessian", "ssi_alone", "ssi", "default", "sure")


def keep(folder: Path, name: str, image: NDArray[np.floating]) -> None:
    """Store a restored image, clipped to [0, 1], as 16-bit PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    levels = (image.clip(0, 1) * 65535).round().astype(np.uint16)
    imageio.imwrite(folder / f"{name}.png", levels)


def spectrum(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Logarithm of the amplitudes, zero frequency in the middle; the edges are faded out first."""
    fade = np.multiply.outer(*(np.hanning(n) for n in image.shape))
    amplitude = np.abs(np.fft.fftshift(np.fft.fft2((image - image.mean()) * fade)))
    return np.log1p(amplitude)


def sheet(folder: Path, names: Sequence[str], out: Path) -> None:
    """The centre of each stored image, and below it the spectrum of the whole, on common scales."""
    found = [name for name in names if (folder / f"{name}.png").exists()]
    if not found:
        return
    images = [imageio.imread(folder / f"{name}.png") / 65535 for name in found]
    middle = paper.centre(images[0].shape, SIDE)
    spectra = [spectrum(image) for image in images]
    top = max(float(s.max()) for s in spectra)
    columns = []
    for name, image, s in zip(found, images, spectra, strict=True):
        part = _square(image[middle], nearest=True)
        columns.append(np.concatenate([_text(name), part, _square(s / top, nearest=False)]))
    gap = np.ones((columns[0].shape[0], 2))
    joined = np.concatenate([piece for column in columns for piece in (column, gap)], 1)
    out.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(out, (255 * joined.clip(0, 1)).astype(np.uint8))


def _square(image: NDArray[np.floating], *, nearest: bool) -> NDArray[np.floating]:
    how = Drawing.Resampling.NEAREST if nearest else Drawing.Resampling.BOX
    levels = Drawing.fromarray((255 * image.clip(0, 1)).astype(np.uint8))
    return np.asarray(levels.resize((SIDE, SIDE), how)) / 255


def _text(name: str) -> NDArray[np.floating]:
    line = Drawing.new("L", (SIDE, LINE), 255)
    ImageDraw.Draw(line).text((4, 2), name, fill=0)
    return np.asarray(line) / 255

"""The degradation of the SSI paper (arXiv 2006.06156), and the images it is applied to.

The ground truth is scaled to [0, 1] by its own minimum and maximum, blurred with the
17 x 17 kernel (zero outside the image, same size), and made noisy::

    y = z + sqrt(0.001 z + 0.1**2) N(0, 1),  1 % of the pixels replaced by uniform noise,
    rounded to 1/1024, clipped to [0, 1]

with one ``RandomState(0)`` an image, drawn in the order normal, uniform, uniform.
Always on the whole image: a crop is taken afterwards, so that beyond its edges the
specimen goes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Image = NDArray[np.float32]

#: Where the ground-truth images and the kernel lie, beside the repository.
FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "ssi_benchmark"


def images(folder: str | Path = FOLDER) -> dict[str, Path]:
    """The ground-truth images of a folder by name, without the size at its end (``usaf768x812`` is ``usaf``).

    Where that would give two files one name, by the whole of theirs.
    """
    endings = {".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp"}
    found = sorted(p for p in Path(folder).glob("*") if p.suffix.lower() in endings)
    short = {re.sub(r"\d+x\d+$", "", p.stem) or p.stem: p for p in found}
    return short if len(short) == len(found) else {p.name: p for p in found}


def kernel(folder: str | Path = FOLDER) -> Image:
    """The paper's 17 x 17 blur kernel, of sum 1."""
    psf = np.load(Path(folder) / "psf.npy").astype(np.float64)
    return (psf / psf.sum()).astype(np.float32)


def truth(path: str | Path) -> Image:
    """The ground truth (Y, X) in float32, scaled to [0, 1] by its own minimum and maximum."""
    x = imageio.imread(path).astype(np.float32)
    if x.ndim == 3:  # stored as RGB(A), but grey
        x = x[..., :3].mean(-1)
    low, high = float(x.min()), float(x.max())
    return (x - np.float32(low)) / np.float32(high - low)


def degrade(
    x: Image,
    psf: Image,
    seed: int = 0,
    *,
    sigma: float = 0.1,
    gain: float = 0.001,
    outliers: float = 0.01,
) -> tuple[Image, Image]:
    """The measurement y and the noise-free blurred image z of the truth ``x`` in [0, 1].

    ``sigma``, ``gain`` and ``outliers`` are the paper's by default: standard deviation of the
    additive noise, variance per intensity, and share of the pixels replaced.
    """
    z = fftconvolve(x.astype(np.float64), psf.astype(np.float64), mode="same")
    rng = np.random.RandomState(seed)  # the paper's draws
    normal = rng.normal(size=x.shape)
    replaced = rng.uniform(size=x.shape) < outliers
    uniform = rng.uniform(size=x.shape)
    y = z + np.sqrt(gain * np.maximum(z, 0) + sigma**2) * normal
    y = np.where(replaced, uniform, y)
    y = np.clip(np.round(y * 1024) / 1024, 0, 1)
    return y.astype(np.float32), z.astype(np.float32)


def centre(shape: tuple[int, ...], size: int | None) -> tuple[slice, ...]:
    """The central ``size`` x ``size`` pixels; everything where ``size`` is None or the image is smaller."""
    if size is None:
        return tuple(slice(None) for _ in shape)
    return tuple(
        slice(max(0, n // 2 - size // 2), max(0, n // 2 - size // 2) + size) for n in shape
    )


def load_all(
    name: str, crop: int | None = 256, *, folder: str | Path = FOLDER, seed: int = 0, **noise: float
) -> Mapping[str, Image]:
    """``x``, ``y``, ``z`` (truth, measurement, blurred without noise; (Y, X), cropped) and ``psf``."""
    x, psf = truth(images(folder)[name]), kernel(folder)
    y, z = degrade(x, psf, seed, **noise)
    part = centre(x.shape, crop)
    return {"x": x[part].copy(), "y": y[part].copy(), "z": z[part].copy(), "psf": psf}


def load(
    name: str, crop: int | None = 256, *, folder: str | Path = FOLDER, seed: int = 0
) -> tuple[Image, Image, Image]:
    """Truth x, measurement y and kernel; degraded whole, then the ``crop`` x ``crop`` centre taken."""
    found = load_all(name, crop, folder=folder, seed=seed)
    return found["x"], found["y"], found["psf"]

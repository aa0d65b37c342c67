"""``napari-ssi psf inspect PSF [--na NA --wavelength µm] [-o PICTURE.png]``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from . import options

if TYPE_CHECKING:
    from ..psf.inspection import Inspection

#: Pixels of the longer side of the picture's largest view.
SIDE = 320
#: The axes of each view, downwards and across.
DOWN_ACROSS = {"xy": "yx", "xz": "zx", "yz": "zy"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The PSF, the optics to compare with, and the picture."""
    parser.add_argument("input", metavar="PSF", type=Path, help="TIFF or .npy")
    parser.add_argument(
        "--pixel-size",
        metavar="µm",
        type=options.lengths,
        help="µm per voxel, one number or [Z,]Y,X; what the file states if not given",
    )
    parser.add_argument("--na", metavar="NA", type=float, help="numerical aperture")
    parser.add_argument("--wavelength", metavar="µm", type=float, help="of emission")
    parser.add_argument(
        "--index", metavar="N", type=float, default=1.515, help="of the immersion; oil if not given"
    )
    parser.add_argument("--subtract-background", action="store_true", help="as for a bead")
    parser.add_argument("-o", "--output", metavar="PICTURE.png", type=Path, help="xy, xz and yz")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found, and save the three views."""
    from ..errors import InputError
    from ..io.psfs import stated_voxel_size
    from ..psf.inspection import inspect
    from ..psf.source import read_psf

    if (arguments.na is None) != (arguments.wavelength is None):
        raise InputError("To compare with theory give both --na and --wavelength (µm).")
    if arguments.output is not None:
        options.check_folder(arguments.output.parent)
        options.refuse_overwriting(arguments.output, arguments.input)
    psf = read_psf(arguments.input)
    ndim = sum(n > 1 for n in psf.shape)
    size = arguments.pixel_size or stated_voxel_size(arguments.input)
    if size is not None and len(size) == 1:
        size = size * ndim
    if size is None or len(size) < ndim:
        raise InputError(
            f"{arguments.input.name} does not state the size of its voxels; give --pixel-size "
            f"{'Z,Y,X' if ndim == 3 else 'Y,X'} in µm."
        )
    found = inspect(
        psf,
        size,
        numerical_aperture=arguments.na,
        wavelength=arguments.wavelength,
        index=arguments.index,
        subtract_background=arguments.subtract_background,
    )
    print(f"{arguments.input}:")
    for line in found.describe():
        print(f"  {line}")
    if arguments.output is not None:
        draw(found, arguments.output)
        print(f"Wrote {arguments.output}")
    return 0


def draw(found: Inspection, path: Path) -> None:
    """Save the views side by side, equally scaled in µm; brightness is the root of intensity."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from .picture import GAP, STRIP, grey, save

    size = dict(zip("zyx"[-len(found.shape) :], found.voxel_size, strict=True))
    extents = {
        name: [n * size[axis] for n, axis in zip(view.shape, DOWN_ACROSS[name], strict=True)]
        for name, view in found.views.items()
    }
    scale = SIDE / max(max(e) for e in extents.values())
    pictures = {}
    for name, view in found.views.items():
        tall, wide = (max(1, round(e * scale)) for e in extents[name])
        shades = grey(np.sqrt(np.maximum(view / view.max(), 0)), 0, 1)
        pictures[name] = Image.fromarray(shades).resize((wide, tall), Image.Resampling.NEAREST)
    canvas = Image.new(
        "L",
        (
            sum(p.width + GAP for p in pictures.values()) + GAP,
            max(p.height for p in pictures.values()) + STRIP + GAP,
        ),
        24,
    )
    pen, at = ImageDraw.Draw(canvas), GAP
    for name, picture in pictures.items():
        pen.text((at + 2, 3), name, fill=230, font=ImageFont.load_default(size=15))
        canvas.paste(picture, (at, STRIP))
        at += picture.width + GAP
    save(np.asarray(canvas), path)

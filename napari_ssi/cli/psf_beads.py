"""``napari-ssi psf beads STACK -o PSF.tif [--diameter µm]``."""

from __future__ import annotations

import argparse
from pathlib import Path

from . import options


def add_options(parser: argparse.ArgumentParser) -> None:
    """The recording, the beads and the window."""
    options.add_input(parser)
    parser.add_argument(
        "-o", "--output", metavar="PSF.tif", type=Path, required=True, help="an OME-TIFF"
    )
    parser.add_argument(
        "--diameter", metavar="µm", type=float, default=0.0, help="of the beads, to correct for it"
    )
    parser.add_argument(
        "--window", metavar="µm", type=options.lengths, help="side of the PSF: one number or Z,Y,X"
    )
    parser.add_argument("--channel", metavar="N", type=int, default=0, help="which channel, from 0")
    for name, words in (("exclude", "leave out"), ("include", "take in in spite of a fault")):
        parser.add_argument(
            f"--{name}", metavar="N", type=int, nargs="+", default=[], help=f"beads to {words}"
        )


def run(arguments: argparse.Namespace) -> int:
    """Distil, save, and say which beads were used."""
    import numpy as np

    from .. import __version__
    from ..errors import InputError
    from ..io.writing import checked, plain_json, write_image
    from ..psf.beads import distil

    output = checked(arguments.output)
    options.check_folder(output.parent)
    options.refuse_overwriting(output, arguments.input)
    stack, notes = options.read_input(arguments)
    if not 0 <= arguments.channel < stack.n_channels:
        raise InputError(
            f"The recording has {stack.n_channels} channel(s), numbered from 0; got "
            f"{arguments.channel}."
        )
    if stack.pixel_size is None:
        raise InputError(
            f"{arguments.input.name} does not state its voxel size, which a PSF needs; give "
            "--pixel-size Z,Y,X in µm."
        )
    index = stack.frames(arguments.channel, stack.ndim)[0]
    window = arguments.window
    found = distil(
        np.asarray(stack.data[index]),
        stack.pixel_size,
        bead_diameter=arguments.diameter,
        window=window[0] if window is not None and len(window) == 1 else window,
        exclude=arguments.exclude,
        include=arguments.include,
    )
    for number, bead in enumerate(found.beads):
        where = ", ".join(f"{p:.1f}" for p in bead.position)
        width = " x ".join(f"{w:.3g}" for w in bead.fwhm)
        words = bead.reason or "good"
        print(f"  bead {number}: at {where}, FWHM {width} µm, {words}")
    for note in (*notes, *found.notes):
        print(f"  {note}")
    source = {
        "kind": "beads",
        "input": arguments.input.name,
        "diameter": arguments.diameter,
        "used": [i for i, bead in enumerate(found.beads) if bead.used],
        "fwhm": found.fwhm,
        "spread": found.spread,
    }
    facts = {
        "psf": plain_json(source),
        "notes": plain_json(list(found.notes)),
        "provenance": plain_json({"software": {"napari-ssi": __version__}}),
    }
    write_image(found.psf, stack.spatial, found.voxel_size, output, facts=facts)
    widths = " x ".join(
        f"{w:.3g}" + ("" if np.isnan(s) else f" ± {s:.2g}")
        for w, s in zip(found.fwhm, found.spread, strict=True)
    )
    print(f"Wrote {output}: from {found.used} beads, full width at half maximum {widths} µm")
    return 0

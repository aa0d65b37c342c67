"""``napari-ssi psf theory KIND --pixel-size Z,Y,X -o PSF.tif``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from . import options


def add_options(parser: argparse.ArgumentParser) -> None:
    """The kind of microscope, its optics and the pixels."""
    parser.add_argument(
        "kind",
        metavar="KIND",
        help="widefield, confocal, spinning_disk, two_photon, light_sheet or gaussian",
    )
    parser.add_argument(
        "--pixel-size",
        metavar="µm",
        type=options.lengths,
        required=True,
        help="µm per pixel: Y,X for the plane in focus, or Z,Y,X",
    )
    parser.add_argument(
        "--objective", metavar="NAME", help="a common one, e.g. '60x/1.4 oil'; --set goes over it"
    )
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        type=options.setting,
        default=[],
        dest="settings",
        help="a parameter, e.g. emission_wavelength=0.52; may be repeated",
    )
    parser.add_argument(
        "-o", "--output", metavar="PSF.tif", type=Path, required=True, help="an OME-TIFF"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compute and save it, with its voxel size and parameters inside."""
    from .. import __version__
    from ..io.writing import checked, plain_json, write_image
    from ..psf.measure import fwhm
    from ..psf.source import load, make_source

    output = checked(arguments.output)
    options.check_folder(output.parent)
    source = make_source(parameters(arguments))
    size = arguments.pixel_size
    psf = load(source, size)
    size = size[-psf.ndim :]
    facts = {
        "psf": source.model_dump_json(),
        "provenance": plain_json({"software": {"napari-ssi": __version__}}),
    }
    write_image(psf, "ZYX"[-psf.ndim :], size, output, facts=facts)
    widths = " x ".join(f"{width:.3g}" for width in fwhm(psf, size))
    pixels = " x ".join(map(str, psf.shape))
    print(f"Wrote {output}: {pixels} pixels, full width at half maximum {widths} µm")
    return 0


def parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """As a recipe's ``psf`` holds them: the objective's, and what is set over them."""
    from ..errors import InputError
    from ..psf.objectives import objective
    from ..psf.source import THEORY

    kinds = [*THEORY, "gaussian"]
    if arguments.kind not in kinds:
        raise InputError(
            f"There is no computed PSF of kind {arguments.kind!r}; choose one of: {', '.join(kinds)}."
        )
    params: dict[str, Any] = {}
    if arguments.objective is not None:
        params |= objective(arguments.objective).params()
        if "magnification" in getattr(THEORY.get(arguments.kind), "model_fields", {}):
            params["magnification"] = objective(arguments.objective).magnification
    for name, text in arguments.settings:
        try:
            params[name] = json.loads(text)
        except json.JSONDecodeError:
            params[name] = text
    return {**params, "kind": arguments.kind}

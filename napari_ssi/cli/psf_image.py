"""``napari-ssi psf image IN -o PSF.tif``: a width suggested by pixels that are kept out."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from . import options

if TYPE_CHECKING:
    from ..psf.width import WidthEstimate

#: Of the picture with the curves, in pixels, and its margins: left, top, right, bottom.
SIZE, MARGINS = (640, 400), (40, 34, 16, 48)
#: Standard errors at the top of it; what is farther behind is drawn there.
HIGHEST = 12
COLOURS = ("#1f77b4", "#d1661c")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The recording, what is known of it, and where the suggestion goes."""
    options.add_input(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="PSF.tif",
        type=Path,
        required=True,
        help="an OME-TIFF; the curves go beside it as .csv and .png",
    )
    parser.add_argument("--channel", metavar="N", type=int, default=0, help="which channel, from 0")
    parser.add_argument(
        "--axial-ratio",
        metavar="R",
        type=float,
        help="of a z-stack: FWHM along z over that in the plane, in µm; 3 if not given",
    )
    parser.add_argument(
        "--noise", metavar="NAME", default="independent", help="what is known of the noise"
    )
    parser.add_argument(
        "--offset", metavar="COUNTS", type=float, help="the camera's offset; estimated if not given"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the pixels kept out")


def run(arguments: argparse.Namespace) -> int:
    """Try the widths, say what they tell, save the suggestion with its curves."""
    from .. import __version__
    from ..io.writing import checked, plain_json, write_image
    from ..psf_from_image import AXIAL_RATIO, estimate_width
    from .bar import Bar

    output = checked(arguments.output)
    options.check_folder(output.parent)
    beside = [output.with_name(_stem(output) + ending) for ending in (".csv", ".png")]
    for path in (output, *beside):
        options.refuse_overwriting(path, arguments.input)
    stack, notes = options.read_input(arguments)
    bar = Bar()
    found = estimate_width(
        stack,
        channel=arguments.channel,
        axial_ratio=AXIAL_RATIO if arguments.axial_ratio is None else arguments.axial_ratio,
        noise=arguments.noise,
        offset=arguments.offset,
        seed=arguments.seed,
        report=bar,
    )
    bar.close()
    print(found.statement)
    for note in (*notes, *found.notes):
        print(f"  {note}")
    psf = found.psf()
    size = (found.pixel_size or (1.0,) * psf.ndim)[-psf.ndim :]
    facts = {
        "psf": plain_json({**found.facts(), "input": arguments.input.name}),
        "notes": plain_json([found.statement, *found.notes]),
        "provenance": plain_json({"software": {"napari-ssi": __version__}}),
    }
    write_image(psf, stack.spatial[-psf.ndim :], size, output, facts=facts)
    write_table(found, beside[0])
    draw(found, beside[1])
    print(f"Wrote {output}, {beside[0].name} and {beside[1].name}")
    return 0


def _stem(path: Path) -> str:
    """The name without ``.tif`` or ``.ome.tif``."""
    name = path.name.removesuffix(path.suffix)
    return name.removesuffix(".ome")


def write_table(found: WidthEstimate, path: Path) -> None:
    """One row for each restoration and width."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            ["restoration", "fwhm_pixels", "held_out", "excess_over_best", "standard_error"]
        )
        for curve in found.curves:
            rows = zip(curve.fwhm, curve.held_out, curve.excess, curve.standard_error, strict=True)
            table.writerows([curve.method, *(f"{value:.6g}" for value in row)] for row in rows)


def draw(found: WidthEstimate, path: Path) -> None:
    """How far each width is behind the best, in standard errors; green is what is left open."""
    import math

    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from ..psf.width import ERRORS
    from .picture import save

    left, top, right, bottom = MARGINS
    wide, tall = SIZE[0] - left - right, SIZE[1] - top - bottom
    first, last = (end(end(c.fwhm) for c in found.curves) for end in (min, max))

    def across(fwhm: float) -> float:
        return left + wide * math.log(fwhm / first) / math.log(last / first)

    def down(errors: float) -> float:
        return top + tall * (1 - errors / HIGHEST)

    canvas = Image.new("RGB", SIZE, "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=13)
    low, high = found.range
    pen.rectangle((across(low), top, across(high), top + tall), fill="#e4f0dc")
    pen.line((across(found.fwhm), top, across(found.fwhm), top + tall), fill="#4a8a2a", width=2)
    pen.line((left, down(ERRORS), left + wide, down(ERRORS)), fill="#a0a0a0")
    pen.line((left, top, left, top + tall, left + wide, top + tall), fill="black")
    for fwhm in found.curves[0].fwhm:
        x = across(fwhm)
        pen.line((x, top + tall, x, top + tall + 4), fill="black")
        pen.text((x, top + tall + 6), f"{fwhm:.2g}", fill="black", font=font, anchor="ma")
    for errors in range(0, HIGHEST + 1, 2):
        pen.text((left - 6, down(errors)), str(errors), fill="black", font=font, anchor="rm")
    words = "FWHM, pixels (log); green: the suggestion, and the widths that do as well"
    pen.text((left + wide / 2, SIZE[1] - 20), words, fill="black", font=font, anchor="ma")
    words = "held-out error behind the best, in standard errors:"
    pen.text((left, 10), words, fill="black", font=font)
    for number, (curve, colour) in enumerate(zip(found.curves, COLOURS, strict=True)):
        shown = zip(curve.fwhm, curve.distance, strict=True)
        points = [(across(fwhm), down(min(errors, HIGHEST))) for fwhm, errors in shown]
        pen.line(points, fill=colour, width=2)
        for x, y in points:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=colour)
        at = (left + 330 + 90 * number, 10)
        pen.text(at, curve.method.replace("_", " "), fill=colour, font=font)
    save(np.asarray(canvas), path)

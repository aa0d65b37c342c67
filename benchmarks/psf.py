"""How long a computed PSF takes, and what the kinds look like.

Each kind with NA 1.4 in oil on 65 x 129 x 129 pixels of 0.2 x 0.065 x 0.065 µm, the best of three::

    OMP_NUM_THREADS=2 python benchmarks/psf.py [--out FILE.csv] [--picture FILE.png]
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from _rows import commit
from PIL import Image, ImageDraw

from napari_ssi.psf.measure import fwhm
from napari_ssi.psf.source import make_source

SHAPE, PIXELS = (65, 129, 129), (0.2, 0.065, 0.065)
OIL = {"numerical_aperture": 1.4, "immersion_index": 1.515}
EMISSION, EXCITATION = {"emission_wavelength": 0.52}, {"excitation_wavelength": 0.488}
CASES: dict[str, dict[str, Any]] = {
    "widefield, scalar": {"kind": "widefield", **EMISSION, "model": "scalar"},
    "widefield": {"kind": "widefield", **EMISSION},
    "deep in water": {"kind": "widefield", **EMISSION, "depth": 10.0},
    "coma, 0.1 waves": {"kind": "widefield", **EMISSION, "zernike": {8: 0.1}},
    "confocal": {"kind": "confocal", **EMISSION, **EXCITATION},
    "spinning disk": {"kind": "spinning_disk", **EMISSION, **EXCITATION, "magnification": 100},
    "two-photon": {"kind": "two_photon", "excitation_wavelength": 0.92},
    "light sheet": {"kind": "light_sheet", **EMISSION, "sheet_thickness": 1.0},
}


def main() -> None:
    """Measure, print and write the CSV, and the picture if asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=results / "psf.csv")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    rows = []
    panels = []
    for name, params in CASES.items():
        source = make_source({**OIL, **params})
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            psf = source.compute(PIXELS, SHAPE)  # type: ignore[union-attr]
            seconds.append(time.perf_counter() - start)
        z, _, x = fwhm(psf, PIXELS)
        row = {"case": name, "shape": "x".join(map(str, SHAPE)), "seconds": round(min(seconds), 2)}
        row |= {"FWHM xy µm": round(x, 4), "FWHM z µm": round(z, 4)}
        machine = f"{platform.machine()}, {os.cpu_count()} cores, OMP_NUM_THREADS "
        row |= {"machine": machine + os.environ.get("OMP_NUM_THREADS", "-"), "commit": commit()}
        rows.append(row)
        print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
        fine = source.compute((0.05, 0.025, 0.025), (97, 97, 97))  # type: ignore[union-attr]
        panels.append((name, fine))
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    if options.picture:
        draw(panels).save(options.picture, optimize=True)


def draw(panels: list[tuple[str, np.ndarray]]) -> Image.Image:
    """Above xy in focus, below xz along the axis; the square root of the light, 2.4 µm wide."""
    side, tall, strip = 97, 194, 14
    sheet = Image.new("L", ((side + 4) * len(panels), strip + side + 4 + tall), 255)
    words = ImageDraw.Draw(sheet)
    for i, (name, psf) in enumerate(panels):
        left = i * (side + 4)
        words.text((left, 1), name, fill=0)
        for top, section in ((strip, psf[48]), (strip + side + 4, np.repeat(psf[:, 48], 2, 0))):
            shade = np.sqrt(section / psf.max())
            sheet.paste(Image.fromarray((255 * shade).astype(np.uint8)), (left, top))
    return sheet


if __name__ == "__main__":
    main()

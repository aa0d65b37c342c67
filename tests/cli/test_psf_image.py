"""``psf image``: the suggestion, its curves, and one sentence."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_ssi.cli import main
from napari_ssi.io import write_image
from napari_ssi.io.psfs import stated_voxel_size
from napari_ssi.psf.measure import fwhm


def test_a_suggestion_with_its_curves_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    x = gaussian_filter(rng.normal(size=(96, 96)), 3) > 0
    y = gaussian_filter(x.astype(float), 2)[16:-16, 16:-16] + rng.normal(0, 0.1, (64, 64))
    recording = write_image(y.astype(np.float32), "YX", (0.1, 0.1), tmp_path / "cells.tif")
    psf = tmp_path / "psf.ome.tif"
    assert main(["psf", "image", str(recording), "-o", str(psf), "--offset", "0"]) == 0
    said = capsys.readouterr().out
    assert "FWHM" in said
    width = fwhm(tifffile.imread(psf), (0.1, 0.1))
    assert width == pytest.approx((0.471, 0.471), rel=0.3)
    assert stated_voxel_size(psf) == pytest.approx((0.1, 0.1))
    with (tmp_path / "psf.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for method in ("wiener", "richardson_lucy"):
        errors = [float(r["held_out"]) for r in rows if r["restoration"] == method]
        widths = [float(r["fwhm_pixels"]) for r in rows if r["restoration"] == method]
        assert len(errors) > 4 and widths == sorted(widths)
        assert widths[int(np.argmin(errors))] == pytest.approx(4.71, rel=0.5)
    with Image.open(tmp_path / "psf.png") as picture:
        assert picture.size == (640, 400) and len(picture.getcolors(10_000)) > 5
    # what is read is not written over
    assert main(["psf", "image", str(recording), "-o", str(recording)]) != 0
    assert "never overwritten" in capsys.readouterr().err

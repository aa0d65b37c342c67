"""``psf beads`` and ``psf inspect``: from files to files, and what cannot be done in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_ssi.cli import main
from napari_ssi.io import write_image
from napari_ssi.io.psfs import stated_voxel_size
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.psf.measure import fwhm

VOXEL = (0.2, 0.08, 0.08)


def recording(path: Path) -> Path:
    """Three beads and a hot pixel."""
    picture = np.zeros((17, 64, 64))
    one = gaussian((0.7, 0.3, 0.3), VOXEL).astype(float)
    for at in ((16, 16), (16, 46), (46, 30)):
        box = tuple(
            slice(c - n // 2, c - n // 2 + n) for c, n in zip((8, *at), one.shape, strict=True)
        )
        picture[box] += 2000 * one[tuple(slice(None) for _ in box)] / one.max()
    picture[4, 50, 55] = 4000
    counts = np.random.default_rng(0).poisson(picture + 20).astype(np.uint16)
    return write_image(counts, "ZYX", VOXEL, path)


def test_beads_become_a_psf_that_states_its_voxels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, psf = recording(tmp_path / "beads.ome.tif"), tmp_path / "psf.ome.tif"
    assert main(["psf", "beads", str(stack), "-o", str(psf)]) == 0
    said = capsys.readouterr().out
    assert "a hot pixel" in said
    assert "from 3 beads, full width at half maximum" in said and "±" in said
    assert stated_voxel_size(psf) == pytest.approx(VOXEL)
    assert fwhm(tifffile.imread(psf), VOXEL) == pytest.approx((0.71, 0.305, 0.305), rel=0.03)
    assert main(["psf", "beads", str(stack), "-o", str(psf), "--exclude", "0", "2"]) == 0
    assert "left out by hand" in capsys.readouterr().out


def test_inspected_in_words_and_as_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voxel = (1.0, 0.08, 0.08)
    psf = write_image(gaussian((2.0, 0.25, 0.25), voxel), "ZYX", voxel, tmp_path / "psf.tif")
    optics = ["--na", "1.2", "--wavelength", "0.52", "--index", "1.33"]
    picture = tmp_path / "psf.png"
    assert main(["psf", "inspect", str(psf), *optics, "-o", str(picture)]) == 0
    said = capsys.readouterr().out
    assert "z-step 1 µm is 2.9 x coarser than Nyquist (0.34 µm): expect no axial gain." in said
    with Image.open(picture) as image:
        seen = np.asarray(image)
    assert min(seen.shape) > 100 and seen.max() > 200  # the longest extent is that along z


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["psf", "inspect", "bare.tif"], "give --pixel-size Y,X in µm"),
        (["psf", "inspect", "bare.tif", "--na", "1.2"], "both --na and --wavelength"),
        (["psf", "inspect", "none.tif"], "no PSF file"),
        (["psf", "beads", "bare.tif", "-o", "out.tif"], "does not state its voxel size"),
        (["psf", "beads", "bare.tif", "-o", "out.tif", "--channel", "3"], "numbered from 0"),
        (["psf", "beads", "bare.tif", "-o", "bare.tif"], "never overwritten"),
        (
            ["psf", "beads", "bare.tif", "-o", "out.tif", "--pixel-size", "0.1"],
            "No beads were found",
        ),
    ],
)
def test_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("bare.tif", np.random.default_rng(0).normal(100, 3, (40, 40)).astype("f4"))
    assert main(arguments) == 1
    assert words in capsys.readouterr().err

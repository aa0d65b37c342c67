"""PSFs from files, from memory and by width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ssi.errors import InputError
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.psf.source import ArrayPSF, FilePSF, GaussianPSF, load, read_psf, sha256


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_file_comes_back_and_its_hash_is_checked(tmp_path: Path, suffix: str) -> None:
    psf = gaussian((0.3, 0.4), (0.1, 0.1))
    path = tmp_path / f"psf{suffix}"
    if suffix == ".npy":
        np.save(path, psf)
    else:
        tifffile.imwrite(path, psf)
    np.testing.assert_array_equal(
        load(FilePSF(path=str(path), sha256=sha256(psf)), (0.1, 0.1)), psf
    )
    with pytest.raises(InputError, match="not the one the recipe was made with"):
        load(FilePSF(path=str(path), sha256="0" * 64), (0.1, 0.1))


def test_the_hash_is_of_the_values_not_of_their_layout() -> None:
    psf = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert sha256(psf) == sha256(np.asfortranarray(psf)) == sha256(psf.astype(">f4"))
    assert sha256(psf) != sha256(psf.T)
    assert sha256(psf) != sha256(psf.astype(np.float64))


def test_unreadable_files_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no PSF file"):
        read_psf(tmp_path / "none.tif")
    (tmp_path / "garbage.tif").write_bytes(b"garbage")
    with pytest.raises(InputError, match=r"garbage.tif cannot be read as TIFF or .npy"):
        read_psf(tmp_path / "garbage.tif")
    with pytest.raises(InputError, match="hand it over again"):
        load(ArrayPSF(sha256="0"), (0.1, 0.1))


@pytest.mark.parametrize(
    ("fwhm", "sizes"), [((0.5,), (0.2, 0.1, 0.1)), ((0.5, 0.3), (0.2, 0.1, 0.1))]
)
def test_one_width_for_all_or_one_each(fwhm: tuple[float, ...], sizes: tuple[float, ...]) -> None:
    psf = load(GaussianPSF(fwhm=fwhm), sizes)
    assert psf.ndim == (3 if len(fwhm) == 1 else 2)
    assert float(psf.sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("sigma", [0.8, 1.0, 3.7])
def test_a_gaussian_has_the_moments_of_one(sigma: float) -> None:
    line = gaussian((2.3548 * sigma,), (1.0,)).astype(float)
    x = np.arange(len(line)) - len(line) // 2
    assert (line * x).sum() == pytest.approx(0, abs=1e-6)
    assert (line * x**2).sum() == pytest.approx(sigma**2 + 1 / 12, rel=0.01)


@pytest.mark.parametrize(
    ("fwhm", "size"),
    [
        ((0.0, 1.0), (1, 1)),
        ((1.0, -1.0), (1, 1)),
        ((np.nan, 1), (1, 1)),
        ((1.0,), (1, 1)),
        ((600.0, 1), (1, 1)),
        ((1.0, 1), (0, 1)),
    ],
)
def test_bad_widths_are_sentences(fwhm: tuple[float, ...], size: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="PSF"):
        gaussian(fwhm, size)

"""A bead recorded by a camera: offset, noise and stray beads against the true PSF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ssi.psf.background import background_level, background_notes
from napari_ssi.psf.prepare import prepare


def spot(shape: tuple[int, ...], at: tuple[float, ...], sigmas: tuple[float, ...]) -> np.ndarray:
    squares = sum(((g - a) / s) ** 2 for g, a, s in zip(np.indices(shape), at, sigmas, strict=True))
    return np.exp(-squares / 2)


def recorded(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A bead with 2000 photons at its peak, a stray one, an offset of 120, read noise 4; and the truth."""
    shape, sigmas = (31, 64, 64), (3.0, 1.6, 1.6)
    truth = spot(shape, (15, 32, 32), sigmas)
    light = 2000 * truth + 900 * spot(shape, (20, 8, 55), sigmas)
    rng = np.random.default_rng(seed)
    camera = rng.poisson(light) + 120 + rng.normal(0, 4, shape)
    return np.clip(camera.round(), 0, 65535).astype(np.uint16), truth / truth.sum()


def error(kernel: np.ndarray, truth: np.ndarray) -> float:
    """Weight that lies in the wrong place, of 1; both have their centre at ``size // 2``."""
    full = np.zeros(truth.shape)
    box = tuple(
        slice(n // 2 - k // 2, n // 2 - k // 2 + k)
        for n, k in zip(truth.shape, kernel.shape, strict=True)
    )
    full[box] = kernel
    return float(np.abs(full - truth).sum() / 2)


def test_an_offset_is_noticed_and_once_subtracted_the_kernel_is_the_bead() -> None:
    psf, truth = recorded()
    spoiled = prepare(psf, (32, 128, 128))
    assert any("tick “subtract background”" in note for note in spoiled.notes)
    clean = prepare(psf, (32, 128, 128), subtract_background=True)
    assert any(
        note.startswith(("PSF background of 11", "PSF background of 12")) for note in clean.notes
    )
    assert any("Noise and other beads" in note for note in clean.notes)
    assert error(clean.kernel, truth) < 0.05 < 0.5 < error(spoiled.kernel, truth)


def test_a_clean_psf_is_hardly_changed_by_subtracting() -> None:
    _, truth = recorded()
    clean = prepare(truth, (32, 128, 128), subtract_background=True)
    assert clean.notes == ("No background found under the PSF.",)
    assert error(clean.kernel, truth) < 0.02


def test_the_level_is_that_of_the_camera() -> None:
    psf, _ = recorded()
    assert background_level(psf) == pytest.approx(120, abs=3)


def test_too_small_to_tell() -> None:
    assert background_notes(np.outer([1.0, 2, 1], [1.0, 2, 1])) == []


def test_real_bead_with_offset_and_strays(shared_data: Path) -> None:
    psf = tifffile.imread(shared_data / "C" / "pycudadecon_psf.tif")
    notes = prepare(psf, (61, 128, 128)).notes
    assert any("makes up 96% of the PSF's weight" in note for note in notes)
    kernel = prepare(psf, (61, 128, 128), subtract_background=True).kernel
    assert max(kernel.shape) < 40
    assert kernel.max() > 50 * prepare(psf, (61, 128, 128)).kernel.max()


@pytest.mark.parametrize(
    "file", ["matpsf", "psfmodels_0_scalar", "psfmodels_3_vectorial", "psfmodels_5_gaussian"]
)
def test_computed_psfs_have_no_background(shared_data: Path, file: str) -> None:
    psf = tifffile.imread(shared_data / "D" / "psfmodels" / f"{file}.tif")
    assert prepare(psf, (64, 256, 256)).notes == ()


def test_the_skirt_of_an_average_of_many_beads_is_kept(shared_data: Path) -> None:
    psf = tifffile.imread(shared_data / "C" / "confocal_grid_avg_psf_45cube.tif")
    assert any("background" in note for note in prepare(psf, (64, 64, 64)).notes)
    prepared = prepare(psf, (64, 64, 64), subtract_background=True)
    assert not any("Noise" in note for note in prepared.notes)
    assert min(prepared.kernel.shape) > 30

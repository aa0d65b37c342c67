"""Beads simulated from points in a ball, of which everything is known, and two real recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ssi.errors import InputError
from napari_ssi.psf.beads import BeadPSF, distil
from napari_ssi.psf.fitting import fit_gaussian
from napari_ssi.psf.measure import fwhm

VOXEL = (0.2, 0.08, 0.08)
WIDTH = (0.66, 0.24, 0.24)


def spot(shape: tuple[int, ...], at: np.ndarray, width: np.ndarray) -> np.ndarray:
    """A Gaussian of peak 1, positions and FWHM in pixels."""
    lines = [
        np.exp(-4 * np.log(2) * (np.arange(n) - a) ** 2 / w**2)
        for n, a, w in zip(shape, at, width, strict=True)
    ]
    picture = lines[0]
    for line in lines[1:]:
        picture = np.multiply.outer(picture, line)
    return picture


def mean_spot(shape: tuple[int, ...], places: np.ndarray, width: np.ndarray) -> np.ndarray:
    """The mean of such Gaussians at many places."""
    z, y, x = (
        np.exp(-4 * np.log(2) * (np.arange(n) - p[:, None]) ** 2 / w**2)
        for n, p, w in zip(
            (1, *shape)[-3:],
            np.c_[np.zeros(len(places)), places].T[-3:],
            (1.0, *width)[-3:],
            strict=True,
        )
    )
    planes = (z[:, :, None] * y[:, None, :]).reshape(len(places), -1)
    return (planes.T @ x).reshape(shape) / len(places)


def ball(diameter: float, n: int = 60) -> np.ndarray:
    """Offsets (µm) evenly spread in a ball, in pairs, so that their mean is 0."""
    rng = np.random.default_rng(5)
    points = rng.normal(size=(n, 3))
    points *= diameter / 2 * rng.random((n, 1)) ** (1 / 3) / np.linalg.norm(points, axis=1)[:, None]
    return np.concatenate([points, -points])


def field(
    positions: np.ndarray,
    peak: float = 1500,
    diameter: float = 0.0,
    shape: tuple[int, ...] = (31, 120, 120),
    seed: int = 0,
    width: tuple[float, ...] = WIDTH,
) -> np.ndarray:
    """Camera counts: offset 100, photons, read noise 2."""
    rng = np.random.default_rng(seed)
    voxel, pixels = np.array(VOXEL[-len(shape) :]), np.array(width) / VOXEL[-len(shape) :]
    offsets = ball(diameter)[:, -len(shape) :] / voxel if diameter else np.zeros((1, len(shape)))
    light = np.zeros(shape)
    for at in positions:
        one = mean_spot(shape, at + offsets, pixels)
        light += peak * rng.uniform(0.7, 1.3) * one / one.max()
    counts = rng.poisson(light) + 100 + rng.normal(0, 2, shape)
    return np.clip(counts.round(), 0, 65535).astype(np.uint16)


def scattered(seed: int = 1, ndim: int = 3) -> np.ndarray:
    """Nine places, far from each other, at any part of a pixel."""
    rng = np.random.default_rng(seed)
    lateral = np.stack(np.meshgrid([22, 60, 98], [22, 60, 98]), -1).reshape(-1, 2)
    lateral = lateral + rng.uniform(-3, 3, lateral.shape)
    return np.concatenate([rng.uniform(13, 17, (9, 1)), lateral], 1)[:, 3 - ndim :]


@pytest.mark.parametrize("diameter", [0.0, 0.1, 0.2, 0.25])
def test_width_and_centre_of_the_truth(diameter: float) -> None:
    positions = scattered()
    found = distil(field(positions, diameter=diameter), VOXEL, bead_diameter=diameter)
    assert found.used == 9
    assert found.psf.dtype == np.float32 and float(found.psf.sum()) == pytest.approx(1, abs=1e-5)
    assert found.fwhm == pytest.approx(WIDTH, rel=0.03)
    assert fwhm(found.psf, VOXEL) == pytest.approx(WIDTH, rel=0.04)
    fit = fit_gaussian(found.psf)
    assert fit is not None
    assert fit.centre == pytest.approx([n // 2 for n in found.psf.shape], abs=0.05)
    for bead in found.beads:
        off = positions - np.array(bead.position)
        assert np.abs(off[np.argmin(np.square(off).sum(1))]).max() < 0.05


def test_the_beads_size_is_taken_off_and_not_only_from_the_number() -> None:
    picture = field(scattered(), diameter=0.25)
    with_size = distil(picture, VOXEL)
    assert with_size.fwhm[2] > 1.1 * WIDTH[2]
    assert any("bead's own size is still in the PSF" in note for note in with_size.notes)


def test_shifting_by_parts_of_a_pixel_does_not_blur() -> None:
    found = distil(field(scattered(), peak=3000, width=(0.66, 0.2, 0.2)), VOXEL)
    assert found.fwhm == pytest.approx((0.66, 0.2, 0.2), rel=0.01)
    assert not any("finer than its pixels" in note for note in found.notes)


def test_what_pixels_cannot_show_is_said() -> None:
    # 1.6 pixels wide: copies at different parts of a pixel no longer are one function, moved
    found = distil(field(scattered(), peak=3000, width=(0.66, 0.13, 0.13)), VOXEL)
    assert found.fwhm == pytest.approx((0.66, 0.13, 0.13), rel=0.1)
    assert any("finer than its pixels" in note for note in found.notes)


def test_in_a_plane() -> None:
    positions = scattered(ndim=2)
    found = distil(field(positions, shape=(120, 120), width=WIDTH[1:]), VOXEL[1:])
    assert found.used == 9
    assert found.fwhm == pytest.approx(WIDTH[1:], rel=0.03)
    assert max(found.spread) < 0.02


def scene() -> np.ndarray:
    """Four good beads and one of each kind of bad one."""
    good = np.array([[15, 22, 22.4], [15.3, 22, 60], [14.6, 60.2, 22], [15, 60, 60.3]])
    picture = field(good).astype(np.float64)
    pixels = np.array(WIDTH) / VOXEL
    shape = picture.shape
    picture += 1500 * spot(shape, np.array([15, 98, 20]), pixels)  # a pair
    picture += 1300 * spot(shape, np.array([15, 98, 28]), pixels)
    picture += 260 * spot(shape, np.array([15, 98, 60]), pixels)  # dim
    picture += 1500 * spot(shape, np.array([15, 60, 118]), pixels)  # at the edge
    picture += 1500 * spot(shape, np.array([15, 20, 98]), 1.6 * pixels)  # a clump
    clipped = 6000 * spot(shape, np.array([15, 98, 98]), pixels)
    picture = np.where(clipped > 20, np.minimum(picture + clipped, 4095), picture)
    return np.minimum(picture, 4095).astype(np.uint16)


def of(found: BeadPSF, *at: float) -> tuple[int, str]:
    off = [np.linalg.norm(np.array(b.position) - at) for b in found.beads]
    number = int(np.argmin(off))
    assert off[number] < 3
    assert found.beads[number].used == (found.beads[number].reason == "")
    return number, found.beads[number].reason


def test_bad_beads_are_left_out_and_it_is_said_why() -> None:
    found = distil(scene(), VOXEL)
    assert found.used == 4
    assert "another bead" in of(found, 15, 98, 20)[1]
    assert "another bead" in of(found, 15, 98, 28)[1]
    assert "too dim" in of(found, 15, 98, 60)[1]
    assert "too near the edge" in of(found, 15, 60, 118)[1]
    assert "clipped" in of(found, 15, 98, 98)[1]
    assert "wider than the others" in of(found, 15, 20, 98)[1]
    assert found.fwhm == pytest.approx(WIDTH, rel=0.03)
    assert found.notes[0].startswith(f"4 of {len(found.beads)} beads found are used; left out: ")


def test_the_user_takes_beads_in_and_out() -> None:
    first = distil(scene(), VOXEL)
    clump = of(first, 15, 20, 98)[0]
    good = next(i for i, bead in enumerate(first.beads) if bead.used)
    second = distil(scene(), VOXEL, include=[clump], exclude=[good])
    assert [b.position for b in second.beads] == [b.position for b in first.beads]
    assert second.beads[clump].used and second.beads[clump].reason == "taken in by hand"
    assert not second.beads[good].used and second.beads[good].reason == "left out by hand"
    assert second.used == first.used
    assert second.spread[2] > 2 * first.spread[2]


def test_a_stray_beside_one_bead_is_not_in_the_average() -> None:
    picture = field(scattered()).astype(np.float64)
    picture[9, 30:33, 22:25] += 2000 * (
        picture[9, 30:33, 22:25] > 0
    )  # in one window, out of its core
    found = distil(picture.astype(np.float32), VOXEL, include=range(9))
    clean = distil(field(scattered()), VOXEL)
    box = tuple(slice(n // 2 - 6, n // 2 + 7) for n in clean.psf.shape)
    middle = tuple(slice(n // 2 - 6, n // 2 + 7) for n in found.psf.shape)
    assert float(np.abs(found.psf[middle] - clean.psf[box]).sum()) < 0.05


def test_hot_pixels_are_no_beads() -> None:
    picture = field(scattered())
    picture[5, 40, 40] = picture[20, 80, 41] = 9000
    found = distil(picture, VOXEL)
    assert found.used == 9
    assert all("hot pixel" in b.reason for b in found.beads if not b.used)


FLAT = np.random.default_rng(0).normal(100, 2, (40, 40))


@pytest.mark.parametrize(
    ("stack", "options", "words"),
    [
        (FLAT, {}, "No beads were found"),
        (np.full((40, 40), 7.0), {}, "No beads were found"),
        (np.full((40, 40), np.nan), {}, "1600 values that are NaN"),
        (np.zeros((2, 3, 40, 40)), {}, "8 x 8 pixels or more"),
        (field(scattered(ndim=2)[:1], shape=(120, 120), width=WIDTH[1:]), {"exclude": [0]}, "None"),
        (
            field(scattered(ndim=2), shape=(120, 120), width=WIDTH[1:]),
            {"include": [99]},
            "no bead number 99",
        ),
        (
            field(scattered(ndim=2), shape=(120, 120), width=WIDTH[1:]),
            {"window": 0.1},
            "too small",
        ),
        (
            field(scattered(ndim=2), shape=(120, 120), width=WIDTH[1:]),
            {"bead_diameter": 0.5},
            "too large for a PSF",
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    stack: np.ndarray, options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        distil(stack, (0.08,) * stack.ndim, **options)  # type: ignore[arg-type]


# --- real beads ------------------------------------------------------------------------------


def test_the_confocal_beads_give_the_published_psf(shared_data: Path) -> None:
    voxel = (0.125, 0.0225, 0.0225)
    found = distil(tifffile.imread(shared_data / "B" / "confocal_grid" / "bead_stack.tif"), voxel)
    published = tifffile.imread(shared_data / "C" / "confocal_grid_avg_psf_45cube.tif")
    published = np.maximum(published - np.median(published), 0)
    fit = fit_gaussian(published)
    assert fit is not None
    assert found.used == 4
    assert found.fwhm == pytest.approx(fit.width(voxel), rel=0.1)
    assert fwhm(found.psf, voxel) == pytest.approx(fwhm(published, voxel), rel=0.1)


def test_a_bead_on_a_camera_offset_with_strays(shared_data: Path) -> None:
    stack = tifffile.imread(shared_data / "C" / "pycudadecon_psf.tif")
    found = distil(stack, (1, 1, 1))
    assert found.used == 1
    assert any(note.startswith("Only 1 bead could be used") for note in found.notes)
    # the half-maximum widths of the recording itself, above its median
    level = float(np.median(stack))
    assert found.fwhm == pytest.approx(fwhm(stack - level, (1, 1, 1)), rel=0.1)
    rim = np.ones(found.psf.shape, bool)
    rim[1:-1, 1:-1, 1:-1] = False
    assert found.psf[rim].max() < 0.02 * found.psf.max()

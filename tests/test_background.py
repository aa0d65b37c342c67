"""Offset and clipping, on simulated cameras whose truth is known and on recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from skimage.io import imread

from napari_ssi.background import measure


def cells(lit: float, peak: float, dark: float = 0.0, size: int = 256, seed: int = 1) -> np.ndarray:
    """Photons: smooth blobs on a share ``lit`` of the picture, ``dark`` elsewhere."""
    blobs = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 8)
    threshold = np.quantile(blobs, 1 - lit)
    return dark + peak * np.clip(blobs - threshold, 0, None) / (blobs.max() - threshold)


def camera(
    photons: np.ndarray,
    *,
    offset: float = 100,
    read: float = 2,
    gain: float = 2,
    full: float = 65535,
    seed: int = 0,
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(photons) * gain + offset + rng.normal(0, read, photons.shape)
    return np.clip(counts.round(), 0, full).astype(np.float32)


@pytest.mark.parametrize("read", [2.0, 20.0])
@pytest.mark.parametrize("lit", [0.0001, 0.1, 0.5, 0.8])
@pytest.mark.parametrize("peak", [10, 1000])
def test_offset_within_a_quarter_of_the_noise(lit: float, peak: float, read: float) -> None:
    for seed in range(3):
        levels = measure(
            [camera(cells(lit, peak, seed=seed + 5), read=read, offset=200, seed=seed)]
        )
        assert levels.offset == pytest.approx(200, abs=0.25 * read)
        assert levels.low is None
        assert levels.high is None


def test_an_even_background_counts_as_offset() -> None:
    levels = measure([camera(cells(0.3, 100, dark=10))])
    noise = np.sqrt(2**2 + 2**2 * 10)
    assert levels.offset == pytest.approx(120, abs=0.25 * noise)


def test_a_crowded_field_gives_its_dimmest_light() -> None:
    light = cells(0.995, 100, dark=20, size=512)
    without_noise = 100 + 2 * light
    levels = measure([camera(light)])
    assert without_noise.min() < levels.offset < np.percentile(without_noise, 3)


def test_few_dark_places_are_found() -> None:
    levels = measure([camera(cells(0.98, 100, size=512), read=4)])
    assert 100 - 2 < levels.offset < 100 + 8


def test_dead_hot_and_missing_pixels_do_not_move_it() -> None:
    rng = np.random.default_rng(0)
    picture = camera(cells(0.3, 100))
    expected = measure([picture]).offset
    dead = picture.copy()
    dead.flat[rng.choice(dead.size, dead.size // 200, replace=False)] = 0
    hot = picture.copy()
    hot.flat[rng.choice(hot.size, hot.size // 200, replace=False)] = 60000
    padded = picture.copy()
    padded[:, :30] = 0
    for spoiled in (dead, hot, padded):
        assert measure([spoiled]).offset == pytest.approx(expected, abs=0.3)
    levels = measure([padded])
    assert levels.low is None
    assert levels.empty == 0
    assert levels.empty_fraction == pytest.approx(30 / 256)
    assert levels.describe() == f"offset {levels.offset:.4g}, 11.7% without data (0)"


def test_saturation_is_found_and_counted() -> None:
    picture = camera(cells(0.3, 3000), full=4095)
    levels = measure([picture])
    assert levels.high == 4095
    assert levels.high_fraction == pytest.approx((picture == 4095).mean())
    assert f"{levels.high_fraction:.1%} saturated at 4095" in levels.describe()
    assert levels.offset == pytest.approx(100, abs=0.5)


def test_clipping_at_zero_is_found_and_is_the_offset() -> None:
    rng = np.random.default_rng(0)
    scene = gaussian_filter(rng.random((256, 256)), 6)
    scene = np.clip(4 * (scene - scene.mean()) / np.ptp(scene), 0, 1)
    noisy = scene + np.sqrt(0.001 * scene + 0.01) * rng.normal(size=scene.shape)
    picture = np.clip(np.round(1023 * noisy) / 1023, 0, 1).astype(np.float32)  # as in the paper
    levels = measure([picture])
    assert levels.offset == levels.low == 0
    assert levels.low_fraction == pytest.approx((picture == 0).mean())
    assert "clipped at 0" in levels.describe()


@pytest.mark.parametrize("dark", [0.0, 0.05, 1.0])
def test_photon_counts_are_not_clipped_and_have_no_offset(dark: float) -> None:
    counts = np.random.default_rng(0).poisson(cells(0.3, 6, dark)).astype(np.float32)
    levels = measure([counts])
    assert (levels.offset, levels.low, levels.high) == (0, None, None)
    shifted = measure([counts + 1])
    assert (shifted.offset, shifted.low) == (1, None)


@pytest.mark.parametrize("factor", [1 / 65535, 1.0, 37.5])
def test_the_unit_does_not_matter(factor: float) -> None:
    picture = camera(cells(0.4, 200))
    scaled = measure([(picture * factor).astype(np.float32)])
    assert scaled.offset == pytest.approx(factor * measure([picture]).offset, rel=1e-4)


def test_many_planes_of_many_shapes() -> None:
    planes = [camera(cells(0.3, 100, size=n), seed=n) for n in (8, 61, 130, 256)]
    assert measure(planes).offset == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize(
    ("file", "low", "high"),
    [
        ("fmd/BPAE_G_noisy.tif", 2.5, 4),  # offset about 3
        ("fmd/mice_noisy.tif", 3, 6),
        ("fmd/Confocal_FISH_3_noisy.png", 2.5, 4.5),
        ("pn2v/convallaria_frame0.tif", 430, 530),
        ("twophoton_bacteria/noisy_avg1_16bit.png", 330, 440),
        ("w2s_8bit/044_0_avg1.tif", 0, 10),
        ("w2s_8bit/100_1_avg1.tif", 5, 35),
        ("biosr/Factin1_widefield_raw.tif", 20, 30),
        ("hagen_gigadb_8bit/mito-confocal-lowsnr.png", 0, 0),
    ],
)
def test_recordings(shared_data: Path, file: str, low: float, high: float) -> None:
    path = shared_data / "A" / file
    picture = tifffile.imread(path) if path.suffix == ".tif" else imread(path)
    levels = measure([np.asarray(picture, np.float32)])
    assert low <= levels.offset <= high
    assert levels.empty is None


def test_real_photon_counts(shared_data: Path) -> None:
    counts = tifffile.imread(shared_data / "B" / "confocal_grid" / "grid_1AU.tif").astype(
        np.float32
    )
    levels = measure(list(counts))
    assert (levels.offset, levels.low, levels.high) == (1, None, None)


@pytest.mark.parametrize("haze", [1.0, 2.0, 5.0, 12.0])
def test_photon_counts_above_a_haze_have_no_offset(haze: float) -> None:
    for seed in range(4):
        light = cells(0.6, 100, dark=haze, seed=seed)
        counts = np.random.default_rng(seed).poisson(light).astype(np.float32)
        assert measure([counts]).offset == 0


@pytest.mark.parametrize(
    ("offset", "read", "gain"), [(10, 1.5, 1), (10, 5, 1), (5, 1, 2), (3, 0.5, 1)]
)
def test_a_small_offset_is_not_taken_for_light(offset: float, read: float, gain: float) -> None:
    recorded = camera(cells(0.5, 100), offset=offset, read=read, gain=gain)
    assert measure([recorded]).offset == pytest.approx(offset, abs=max(0.5, 0.25 * read))

"""Pixels without a photon are told from clipped ones, and doubt counts for clipping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imageio.v3 import imread
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, measure_noise, run
from napari_ssi.background import measure
from napari_ssi.errors import InputError
from napari_ssi.zeros import photonless

Image = NDArray[np.floating]


def specimen(smooth: float, size: int = 192, seed: int = 3) -> Image:
    """Between 0 and 1, a third of it dark."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), smooth)
    field -= np.quantile(field, 0.3)
    return np.clip(field / field.max(), 0, 1)


def pulses(
    light: Image, height: float = 20, shape: float = 1, seed: int = 0
) -> NDArray[np.float32]:
    """Photons of a photomultiplier: pulses of Gamma-distributed height, in 8 bits."""
    rng = np.random.default_rng(seed)
    photons = rng.poisson(light)
    sums = height / shape * rng.gamma(np.maximum(shape * photons, 1e-9)) * (photons > 0)
    return np.minimum(np.round(sums), 255).astype(np.float32)


def clipped(
    light: Image, *, sigma: float, black: float = 0, outliers: float = 0
) -> NDArray[np.float32]:
    """A camera whose black level lies ``black`` above the dark, in 10 bits."""
    rng = np.random.default_rng(1)
    y = light - black + rng.normal(0, sigma, light.shape)
    y = np.where(rng.random(light.shape) < outliers, rng.random(light.shape), y)
    return (np.round(1023 * np.clip(y, 0, 1)) / 1023).astype(np.float32)


@pytest.mark.parametrize(("peak", "smooth"), [(4, 4), (4, 6), (10, 6)])
@pytest.mark.parametrize("filtered", [False, True])
def test_single_photons_of_differing_height(peak: float, smooth: float, filtered: bool) -> None:
    picture = pulses(peak * specimen(smooth))
    if filtered:  # as scanning detectors do, along the line
        picture = (picture + np.roll(picture, 1, 1)) / 2
    levels = measure([picture])
    assert (levels.offset, levels.low) == (0, None)
    assert levels.dark_fraction == pytest.approx((picture == 0).mean())
    assert "without a photon" in levels.describe()


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("black", [0, 1, 2])
@pytest.mark.parametrize("outliers", [0, 0.01, 0.03])
@pytest.mark.parametrize("smooth", [1, 6])
def test_clipped_cameras(sigma: float, black: float, outliers: float, smooth: float) -> None:
    picture = clipped(specimen(smooth), sigma=sigma, black=black * sigma, outliers=outliers)
    levels = measure([picture])
    assert levels.low == 0 and levels.dark_fraction == 0


@pytest.mark.parametrize("bright", [2, 5])
@pytest.mark.parametrize("every", [8, 16])
def test_fine_lines_are_not_taken_for_noise(bright: float, every: int) -> None:
    light = np.zeros((256, 256))
    light[::every] = bright
    picture = np.maximum(light + np.random.default_rng(0).normal(size=light.shape), 0)
    assert not photonless([picture.astype(np.float32)], 0.0)


def test_the_unit_does_not_matter_and_pixels_without_data_are_left_out() -> None:
    picture = pulses(5 * specimen(4))
    assert photonless([picture * np.float32(1e-4) + 7], 7.0)
    padded = picture + 1000
    padded[:60] = 0
    assert photonless([padded], 1000.0, empty=0.0)
    rim = clipped(specimen(4), sigma=0.1) + 1000
    rim[::20] = 0
    assert not photonless([rim], 1000.0, empty=0.0)


def test_the_rims_of_what_has_no_data_are_left_out() -> None:
    picture = pulses(5 * specimen(6, size=384)) + 1000
    picture[::64] = 0
    assert photonless([picture], 1000.0, empty=0.0)


def test_next_to_no_data() -> None:
    plane = np.zeros((40, 40), np.float32)
    plane[10:26, 10:26] = 10 + np.maximum(np.random.default_rng(0).normal(0.5, 1, (16, 16)), 0)
    assert measure([plane]).dark_fraction == 0
    assert not photonless([plane], 10.0, empty=0.0)


@pytest.mark.parametrize("shape", [(3, 300), (20, 20), (29, 29), (64, 64)])
def test_too_little_to_tell(shape: tuple[int, int]) -> None:
    assert not photonless([np.zeros(shape, np.float32)], 0.0)
    assert not photonless([np.eye(*shape, dtype=np.float32)], 0.0)


def test_a_stack_is_looked_at_as_a_whole() -> None:
    planes = [pulses(5 * specimen(4, size=48, seed=i), seed=i) for i in range(12)]
    assert photonless(planes, 0.0)


def test_a_confocal_recording(shared_data: Path) -> None:
    picture = imread(shared_data / "A" / "hagen_gigadb_8bit" / "mito-confocal-lowsnr.png")
    levels = measure([np.asarray(picture, np.float32)])
    assert levels.low is None and levels.dark_fraction > 0.3


def test_who_knows_better_says_so() -> None:
    picture = pulses(4 * specimen(6))
    share = pytest.approx((picture == 0).mean())
    told = measure([picture], lowest="clipped")
    assert (told.low, told.low_fraction, told.dark_fraction) == (0, share, 0)
    camera = clipped(specimen(6), sigma=0.1)
    told = measure([camera], lowest="photonless")
    assert (told.low, told.offset) == (None, 0)
    assert told.dark_fraction == pytest.approx((camera == 0).mean())
    plain = camera + 1 + np.random.default_rng(0).random(camera.shape, np.float32)
    assert measure([plain], lowest="photonless") == measure(
        [plain], lowest="clipped"
    )  # nothing piles up


@pytest.mark.parametrize("lowest", ["measured", "clipped"])
def test_recipe_and_noise_follow(lowest: str) -> None:
    picture = pulses(4 * specimen(6))
    share = float((picture == 0).mean())
    clip = share if lowest == "clipped" else 0
    recipe = Recipe.create(method="hessian", levels={"lowest": lowest})
    restored = run(recipe, ImageStack(picture, "YX"))
    assert restored.estimates["clipped_low"] == pytest.approx(clip)
    mask = np.zeros(picture.shape)
    mask[3, 4] = 1
    for hidden in (None, mask):
        report = measure_noise(ImageStack(picture, "YX"), lowest=lowest, mask=hidden)
        assert report.clipped_low == pytest.approx(clip, abs=1e-3)
        assert report.photonless == pytest.approx(share - clip, abs=1e-3)


def test_no_other_word_will_do() -> None:
    picture = pulses(4 * specimen(6))
    with pytest.raises(
        InputError, match=r"one of: measured, clipped, photonless\. Got 'dark' instead"
    ):
        measure_noise(ImageStack(picture, "YX"), lowest="dark")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"levels\.lowest"):
        Recipe.create(method="hessian", levels={"lowest": "dark"})

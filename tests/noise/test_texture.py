"""Fine texture told from noise that neighbours share: only the former rises with what happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from imageio.v3 import imread
from scipy.linalg import toeplitz
from scipy.ndimage import gaussian_filter, uniform_filter

from napari_ssi.background import Levels
from napari_ssi.noise._texture import broad, far, rise_with_strength
from napari_ssi.noise.correlated import Correlated
from napari_ssi.noise.estimation import TEXTURE, measure, recommend

SIDE = 288
Array = np.ndarray


def patchy(seed: int) -> Array:
    """Grain everywhere, of an amplitude that varies from place to place (a median of 10)."""
    rng = np.random.default_rng(seed)
    grain = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 0.7)
    place = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 4)
    return np.linspace(200, 400, SIDE) + 10 * np.exp(place / place.std()) * grain / grain.std()


FILTERS = {
    "box": lambda w: uniform_filter(w, 3),
    "round": lambda w: gaussian_filter(w, 0.5),
    "one axis": lambda w: gaussian_filter(w, (0, 0.5)),
    "wide": lambda w: gaussian_filter(w, 1.0),
}


def found(y: Array):
    return measure([y.astype(np.float32)], Levels(0.0))


@pytest.mark.parametrize("seed", range(3))
def test_white_noise_on_texture_is_independent_and_said_to_be_taken_so(seed: int) -> None:
    y = patchy(seed) + np.random.default_rng(seed + 50).normal(0, 8, (SIDE, SIDE))
    report = found(y)
    assert report.common == "texture"
    assert not report.correlated
    assert "fine texture" in report.sentence
    assert report.gaussian_sigma == pytest.approx(8, rel=0.1)
    noise, _, method, why = recommend(report, "denoising")
    assert noise == "independent"
    assert method == "noise2self"
    assert "taken to be independent" in why


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("kind", ["even", "ramp", "photons", "blobs"])
def test_shared_noise_is_no_texture(name: str, kind: str) -> None:
    rng = np.random.default_rng(3)
    z = np.linspace(50, 400, SIDE) + np.zeros((SIDE, 1))
    if kind == "even":
        z[:] = 200
    if kind == "blobs":
        blobs = gaussian_filter(rng.normal(size=z.shape), 5)
        z = 100 + 60 * np.maximum(blobs / blobs.std(), 0)
    white = rng.poisson(z) - z if kind == "photons" else 12 * rng.normal(size=z.shape)
    noise = FILTERS[name](white)
    report = found(z + noise * 12 / noise.std())
    assert report.correlated
    assert "share noise" in report.sentence
    weak = kind in ("ramp", "photons")  # of a contrast of 100
    assert report.common == ("noise or texture" if weak else "noise")
    noise, _, _, why = recommend(report, "denoising")
    assert noise == ("independent" if weak else "correlated")
    assert ("keeps both" in why) == weak


PIXELS = 49
COV, LAG = toeplitz(0.5 ** np.arange(float(PIXELS))), toeplitz(np.eye(PIXELS)[1])


def test_how_strong_the_noise_is_from_place_to_place_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    shared, even = rng.multivariate_normal(np.zeros(PIXELS), COV, 400), np.zeros(400)
    assert abs(rise_with_strength(shared, even, COV, LAG)) < TEXTURE
    assert rise_with_strength(shared * rng.lognormal(0, 1, (400, 1)), even, COV, LAG) < TEXTURE
    texture = rng.lognormal(0, 0.7, (400, 1)) * shared + rng.normal(size=shared.shape)
    assert rise_with_strength(texture, even, texture.T @ texture / 400, LAG) > TEXTURE


def test_what_follows_the_brightness_is_no_texture() -> None:
    """One part of the noise is shared and grows with the light, another is not and does not."""
    rng = np.random.default_rng(0)
    light = rng.uniform(0, 2, 400)
    shared = rng.multivariate_normal(np.zeros(PIXELS), COV, 400)
    left = np.sqrt(light)[:, None] * shared + 0.5 * rng.normal(size=shared.shape)
    cov = left.T @ left / 400
    assert rise_with_strength(left, np.zeros(400), cov, LAG) > TEXTURE
    assert rise_with_strength(left, light, cov, LAG) < TEXTURE


def test_windows_without_anything_tell_nothing() -> None:
    assert (
        rise_with_strength(np.zeros((50, PIXELS)), np.zeros(50), np.zeros((PIXELS, PIXELS)), LAG)
        == 0
    )
    left = np.random.default_rng(0).multivariate_normal(np.zeros(PIXELS), COV, 100)
    left[::3] = 0
    assert abs(rise_with_strength(left, np.zeros(100), COV, LAG)) < TEXTURE


def test_who_asks_for_correlated_noise_gets_it() -> None:
    """Texture keeps it from being recommended only."""
    y = patchy(0) + np.random.default_rng(50).normal(0, 8, (SIDE, SIDE))
    assert found(y).common == "texture"
    model = Correlated().fitted([y.astype(np.float32)], Levels(0.0))
    assert model.correlated
    assert model.autocorrelation is not None
    assert max(model.autocorrelation[0]) > 0.05


@pytest.mark.parametrize("sigma", [0.02, 0.05])
@pytest.mark.parametrize("size", [224, 512])
def test_an_aerial_view_is_texture(shared_data: Path, size: int, sigma: float) -> None:
    x = imread(shared_data / "ssi_benchmark" / "newyork1024x1024.png").astype(np.float32)
    x = x[..., :3].mean(-1) if x.ndim == 3 else x
    x = (x - x.min()) / np.ptp(x)
    middle = slice(512 - size // 2, 512 + size // 2)
    x = x[middle, middle]
    white = np.random.default_rng(0).normal(0, sigma, x.shape)
    report = found(x + white)
    assert report.common == "texture"
    assert report.gaussian_sigma < 1.35 * sigma
    shared = uniform_filter(np.random.default_rng(0).normal(size=x.shape), 3)
    assert found(x + 0.1 * shared / shared.std()).correlated


@pytest.mark.parametrize("seed", range(3))
def test_white_noise_on_texture_that_is_the_same_everywhere_may_be_texture(seed: int) -> None:
    """Its autocorrelation is broader than a filter leaves, though what happens does not vary."""
    rng = np.random.default_rng(seed)
    grain = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 1.2)
    report = found(200 + 5 * grain / grain.std() + 9 * rng.normal(size=grain.shape))
    assert report.common == "noise or texture"
    assert recommend(report, "denoising")[0] == "independent"
    assert "keeps both" in recommend(report, "denoising")[3]


@pytest.mark.parametrize("seed", range(3))
def test_a_small_stack_full_of_structure_shares_no_noise_for_sure(seed: int) -> None:
    """It has no window without: photons that neighbours share, 0.36, were taken for 0.7 and four times as strong."""
    rng = np.random.default_rng(seed)
    z = gaussian_filter(rng.normal(size=(10, 64, 64)), (1.5, 4, 4))
    light = rng.poisson(40 * np.clip(z / z.std(), 0, None) + 5)
    y = (100 + 5 * (0.7 * light + 0.3 * np.roll(light, 1, 2))).astype(np.float32)
    report = measure(list(y), Levels(100.0))
    assert recommend(report, "denoising")[0] == "independent"


@pytest.mark.parametrize("name", FILTERS)
def test_no_filter_leaves_a_broad_autocorrelation(name: str) -> None:
    one = np.zeros((25, 25))
    one[12, 12] = 1
    kernel = FILTERS[name](one)
    picture = np.array(
        [
            [(kernel * np.roll(kernel, (y, x), (0, 1))).sum() for x in range(-3, 4)]
            for y in range(-3, 4)
        ]
    )
    assert not broad(picture / picture[3, 3], 1e-3)
    assert not far(picture / picture[3, 3], 1e-3)


@pytest.mark.parametrize("low", [None, 0.0])
@pytest.mark.parametrize("filtered", [False, True])
def test_without_noise_in_the_dark_nothing_is_told(filtered: bool, low: float | None) -> None:
    """Else black windows pass for independent noise, and the edges of what is bright for shared one."""
    rng = np.random.default_rng(0)
    z = np.zeros((SIDE, SIDE))
    z[:, : SIDE // 4] = 400 * (np.arange(SIDE // 4) % 12 < 6)
    y = rng.poisson(z).astype(float)
    y = (uniform_filter(y, 3) if filtered else y).astype(np.float32)
    report = measure([y], Levels(0.0, low))
    assert not report.correlated
    assert np.isinf(report.correlation_error)
    assert "no noise at all" in report.sentence
    assert "taken to be independent" in recommend(report, "denoising")[3]


def lit(seed: int, read: float, shape: str) -> Array:
    """Filtered photon noise on a ramp, and white read noise, as of a slow amplifier before the digitiser."""
    rng = np.random.default_rng(seed)
    z = np.linspace(20, 1000, SIDE) + np.zeros((SIDE, 1))
    return z + FILTERS[shape](rng.poisson(z) - z) + read * rng.normal(size=z.shape)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("read", [6, 10, 15])
@pytest.mark.parametrize("shape", ["box", "one axis", "wide"])
def test_two_kinds_of_noise_are_no_texture(seed: int, read: float, shape: str) -> None:
    report = found(lit(seed, read, shape))
    assert report.common != "texture"


@pytest.mark.parametrize("seed", range(3))
def test_lines_are_no_texture_and_with_texture_only_they_are_hidden(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = np.linspace(100, 140, SIDE) + np.zeros((SIDE, 1))
    rows = rng.normal(size=(SIDE, 1))
    report = found(z + 10 * rng.normal(size=z.shape) + 10 * rows)
    assert report.row_noise and report.common == "nothing"
    assert "neighbouring pixels are independent; whole rows (" in report.sentence
    assert report.row_size == pytest.approx(10, rel=0.1)
    y = patchy(seed) + 8 * rng.normal(size=z.shape) + 3 * rows
    report = found(y)
    assert report.row_noise
    assert recommend(report, "denoising")[0] == "correlated"
    model = Correlated().fitted([y.astype(np.float32)], Levels(0.0))
    assert model.autocorrelation == ((1.0,),)
    assert model.row_sigma == pytest.approx(3, rel=0.2)


def test_noise_of_unknown_strength_and_a_bright_object_do_not_make_it_weak() -> None:
    rng = np.random.default_rng(0)
    z = 7 * gaussian_filter(rng.normal(size=(SIDE, SIDE)), 8)
    z *= 7 / z.std()
    noise = gaussian_filter(rng.normal(size=z.shape), 1)
    y = np.maximum(z + 10 * noise / noise.std(), 0).astype(np.float32)
    report = measure([y], Levels(0.0, low=0.0, low_fraction=float((y == 0).mean())))
    assert report.common == "noise"
    dim = 100 + 3 * z + 30 * FILTERS["box"](rng.normal(size=z.shape)) * 3
    dim[100:140, 100:140] += 3000
    assert found(dim).common == "noise"

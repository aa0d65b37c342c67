"""What is measured of the noise, and that it says so where it cannot be."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter, uniform_filter

from napari_ssi import background, registry
from napari_ssi.background import Levels
from napari_ssi.noise._differences import difference
from napari_ssi.noise.estimation import NoiseReport, gaussian_sigma, measure, recommend

OFFSET = 100.0
SIDE = 320


def specimen(photons: float, seed: int = 0, n: int = SIDE) -> np.ndarray:
    """Haze, discs and lines in all directions, slightly blurred; photons at the brightest."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:n, :n]
    z = gaussian_filter(rng.normal(size=(n, n)), 12)
    z = (z - z.min()) / np.ptp(z)
    for _ in range(12):
        cy, cx, radius = *rng.uniform(0, n, 2), rng.uniform(5, 25)
        z += rng.uniform(0.2, 1) * ((y - cy) ** 2 + (x - cx) ** 2 < radius**2)
    for _ in range(8):
        cy, cx, angle = *rng.uniform(0, n, 2), rng.uniform(0, np.pi)
        z += 0.6 * (np.abs((y - cy) * np.cos(angle) + (x - cx) * np.sin(angle)) < 1.5)
    z = gaussian_filter(z, 1.0)
    return photons * z / z.max()


def camera(gain: float, read: float, photons: float = 100, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed + 1)
    z = specimen(photons, seed)
    y = OFFSET + gain * rng.poisson(z) + read * rng.normal(size=z.shape)
    return np.round(y).astype(np.float32)


def found(plane: np.ndarray, **more) -> NoiseReport:
    return measure([plane], Levels(OFFSET), **more)


# --- how strong -----------------------------------------------------------------------------


@pytest.mark.parametrize("photons", [20, 100, 1000])
@pytest.mark.parametrize("gain", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("read", [1.0, 5.0, 20.0])
def test_gain_and_read_noise(photons: float, gain: float, read: float) -> None:
    report = found(camera(gain, read, photons))
    read = float(np.hypot(read, 12**-0.5))  # rounding to whole numbers is noise as well
    if report.identifiable["gain"]:
        assert report.gain == pytest.approx(gain, rel=0.1)
    if report.identifiable["read_noise"]:
        assert report.read_noise == pytest.approx(read, rel=0.1)
    # what is not known well is still within its errors
    assert abs(report.gain - gain) < 3 * report.gain_error
    assert abs(report.read_noise - read) < 3 * report.read_noise_error
    # the variance of the picture is known in any case
    light = gain * specimen(photons).mean()
    variance = gain * light + read**2
    measured = report.gain * light + report.read_noise**2
    assert measured == pytest.approx(variance, rel=0.1)
    assert not report.correlated
    assert not report.row_noise
    assert not report.column_noise
    assert report.outliers < 1e-4


def test_most_of_the_grid_is_identifiable() -> None:
    reports = [
        (gain, read, found(camera(gain, read)))
        for gain in (0.5, 2.0, 10.0)
        for read in (1.0, 5.0, 20.0)
    ]
    told = {(gain, read) for gain, read, r in reports if r.identifiable["gain"]}
    # photon noise at the brightest, 100 gain², is a quarter of the read noise and more
    assert told >= {(0.5, 1.0), (2.0, 1.0), (2.0, 5.0), (10.0, 1.0), (10.0, 5.0), (10.0, 20.0)}
    told = {(gain, read) for gain, read, r in reports if r.identifiable["read_noise"]}
    assert told >= {(0.5, 5.0), (0.5, 20.0), (2.0, 20.0)}
    assert (10.0, 1.0) not in told


def test_few_photons() -> None:
    # most pixels are zero: a median of absolute differences would be zero too
    z = specimen(0.6)
    y = np.random.default_rng(0).poisson(z).astype(np.float32)
    report = measure([y], Levels(0.0))
    assert report.gain == pytest.approx(1.0, rel=0.1)
    assert report.outliers == 0
    assert recommend(report, "denoising")[:2] == ("poisson", {"gain": pytest.approx(1.0, rel=0.1)})
    assert gaussian_sigma([y], Levels(0.0)) == pytest.approx(np.sqrt(z.mean()), rel=0.15)


def test_one_brightness_does_not_tell_the_gain() -> None:
    rng = np.random.default_rng(0)
    y = (OFFSET + 2 * rng.poisson(50.0, (SIDE, SIDE))).astype(np.float32)
    report = found(y)
    assert not report.identifiable["gain"]
    assert report.gaussian_sigma == pytest.approx(np.sqrt(200), rel=0.05)
    assert "about the same everywhere" in report.sentence
    kind, params, *_ = recommend(report, "denoising")
    assert kind == "gaussian"
    assert params["sigma"] == pytest.approx(np.sqrt(200), rel=0.05)


def test_a_dark_frame_tells_offset_and_read_noise() -> None:
    y = camera(10.0, 5.0, 1000)
    assert not found(y).identifiable["read_noise"]
    dark = np.random.default_rng(5).normal(103, 5, (SIDE, SIDE)).astype(np.float32)
    dark[::40, ::40] = 4000  # hot pixels
    report = found(y, dark=[dark])
    assert report.identifiable["read_noise"]
    assert report.read_noise == pytest.approx(5.0, rel=0.03)
    assert report.offset == pytest.approx(103, abs=0.2)


def test_several_planes_and_no_light() -> None:
    planes = [camera(2.0, 5.0, seed=seed) for seed in range(3)]
    one, three = found(planes[0]), measure(planes, Levels(OFFSET))
    assert three.gain_error < one.gain_error
    assert three.points.counts.sum() > 2 * one.points.counts.sum()
    noise = np.random.default_rng(0).normal(OFFSET, 3, (SIDE, SIDE)).astype(np.float32)
    report = found(noise)
    assert report.read_noise == pytest.approx(3, rel=0.1)
    assert not report.identifiable["gain"]


# --- neighbours -----------------------------------------------------------------------------


def test_white_noise_has_no_neighbours() -> None:
    picture = found(camera(2.0, 5.0)).autocorrelation
    assert picture.shape == (7, 7)
    assert picture[3, 3] == 1.0
    assert np.allclose(picture, picture[::-1, ::-1])
    picture[3, 3] = 0
    assert np.abs(picture).max() < 0.07


@pytest.mark.parametrize("brightness", [60, 500])
def test_a_box_filter_is_seen_for_what_it_is(brightness: float) -> None:
    z = specimen(brightness)
    noise = 30 * uniform_filter(np.random.default_rng(0).normal(size=z.shape), 3, mode="wrap")
    report = found((OFFSET + z + noise).astype(np.float32))
    tent = np.maximum(1 - np.abs(np.arange(-3, 4)) / 3, 0)
    assert np.abs(report.autocorrelation - tent[:, None] * tent).max() < 0.1
    assert report.correlated
    # second differences see a twentieth of it
    assert report.gaussian_sigma == pytest.approx(10, rel=0.1)
    assert report.outliers < 1e-4
    assert "neighbouring pixels share noise" in report.sentence
    kind, params, method, why = recommend(report, "blur")
    assert (params, method) == ({}, "ssi")
    if brightness == 60:
        assert kind == "correlated"
        assert why.startswith("Neighbouring pixels share noise: SSI") and "structured masks" in why
    else:  # as weak as this, texture may be as strong, and would be lost
        assert kind == "independent"
        assert "or fine texture (correlation up to" in report.sentence
        assert "SSI with independent noise keeps both" in why


@pytest.mark.parametrize("share", [-0.2, 0.2])
def test_one_neighbour_in_one_direction(share: float) -> None:
    white = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    y = OFFSET + specimen(100) + 10 * (white + share * np.roll(white, 1, 1))
    report = found(y.astype(np.float32))
    assert report.correlated
    assert report.autocorrelation[3, 4] == pytest.approx(share / (1 + share**2), abs=0.04)
    assert abs(report.autocorrelation[4, 3]) < 0.06


@pytest.mark.parametrize("axis", [0, 1], ids=["row", "column"])
def test_rows_and_columns_that_share_noise(axis: int) -> None:
    rng = np.random.default_rng(0)
    stripes = np.expand_dims(3 * rng.normal(size=SIDE), 1 - axis)
    y = OFFSET + specimen(200) + 10 * rng.normal(size=(SIDE, SIDE)) + stripes
    report = found(y.astype(np.float32))
    assert (report.row_noise, report.column_noise) == (axis == 0, axis == 1)
    size = report.row_size if axis == 0 else report.column_size
    assert size == pytest.approx(3, rel=0.15)
    assert f"whole {'row' if axis == 0 else 'column'}s (" in report.sentence
    kind, params, method, why = recommend(report, "denoising")
    assert (kind, params, method) == ("correlated", {}, "noise2self")
    assert f"{'row' if axis == 0 else 'column'}s (" in why and "structured masks" in why


def test_texture_in_most_of_a_large_picture_is_no_shared_noise() -> None:
    rng = np.random.default_rng(0)
    texture = gaussian_filter(rng.normal(size=(640, 640)), 0.8)
    texture[:, :90] = 0  # a seventh is even
    y = 100 + 20 * texture / texture.std() + rng.normal(0, 10, texture.shape)
    report = measure([y.astype(np.float32)], background.Levels(0.0))
    assert not report.correlated
    noise = rng.normal(0, 10, texture.shape)
    shared = 100 + 20 * texture / texture.std() + 0.9 * noise + 0.4 * np.roll(noise, 1, 1)
    assert measure([shared.astype(np.float32)], background.Levels(0.0)).correlated


# --- faults ---------------------------------------------------------------------------------


def test_both_ends_of_the_range() -> None:
    y = np.clip(camera(2.0, 5.0, 800) - 150, 0, 1000)
    levels = background.measure([y])
    assert levels.low == 0
    assert levels.high == 1000
    report = measure([y], levels)
    assert report.clipped_low == levels.low_fraction > 0.001
    assert report.saturated == levels.high_fraction > 0.001
    assert "clipped" in report.sentence
    assert "saturated" in report.sentence
    # the slope is that of the rest; the zero of the light is lost
    assert report.gain == pytest.approx(2.0, rel=0.1)


def test_what_is_nearly_clipped_does_not_count() -> None:
    # a sixth of the pixels is at an end; beside them the noise is cut off too
    y = np.clip(camera(2.0, 5.0, 200) - 150, 0, 255)
    points = measure([y], background.measure([y])).points
    truth = 2 * (points.means + 50) + 25
    assert np.average(points.variances / truth, weights=points.counts) == pytest.approx(1, abs=0.04)
    assert (points.variances / truth)[:5] == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("seed", range(4))
def test_a_rough_half_of_the_specimen_does_not_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = 30 + 100 * specimen(1.0)
    # one pixel in ten a bright dot: everywhere beside a dot there is another one
    dots = rng.random((SIDE, SIDE // 2)) > 0.9
    z[:, : SIDE // 2] += 300 * gaussian_filter(dots.astype(float), 0.7)
    y = OFFSET + 2 * rng.poisson(z) + 5 * rng.normal(size=z.shape)
    report = found(y.astype(np.float32))
    assert report.gain == pytest.approx(2.0, rel=0.2)
    # no place is dark enough to tell the read noise: said, and it is not farther off than said
    assert not report.identifiable["read_noise"]
    assert abs(report.read_noise - 5) < 1.2 * report.read_noise_error


def test_hot_pixels_are_counted_and_left_out() -> None:
    y = camera(2.0, 5.0)
    without = found(y)
    at = np.random.default_rng(3).permutation(y.size)[:100]
    y.ravel()[at] += 2000
    report = found(y)
    assert report.outliers == pytest.approx(100 / y.size, rel=0.1)
    assert report.gain == pytest.approx(without.gain, rel=0.05)
    assert report.read_noise == pytest.approx(without.read_noise, rel=0.05)
    assert "hot or dead" in report.sentence


@pytest.mark.parametrize("peak", [5, 100, 1000])
def test_black_surroundings_do_not_hide_the_gain(peak: float) -> None:
    """No noise where no light is: not that the noise is the same everywhere."""
    z = np.zeros((SIDE, SIDE))
    z[60:120, 60:200] = specimen(peak)[60:120, 60:200]
    y = 3.0 * np.random.default_rng(0).poisson(z)
    report = measure([y.astype(np.float32)], Levels(0.0))
    assert report.gain == pytest.approx(3.0, rel=0.1)
    assert abs(report.gain - 3.0) < 3 * report.gain_error < 1.0
    assert report.sentence.startswith("Photon noise (gain ")


def test_pixels_without_data_are_left_out() -> None:
    y = camera(2.0, 5.0)
    y[:, :60] = -5000
    report = measure([y], Levels(OFFSET, empty=-5000.0))
    assert report.gain == pytest.approx(2.0, rel=0.1)
    assert not report.correlated


# --- in words -------------------------------------------------------------------------------


def test_the_sentence() -> None:
    sentence = found(camera(2.0, 5.0)).sentence
    assert sentence.startswith("Photon noise dominates (gain 2")
    assert sentence.endswith("ADU); neighbouring pixels are independent.")
    assert found(camera(0.5, 20.0)).sentence.startswith(
        "The noise is about the same everywhere (20"
    )


@pytest.mark.parametrize(
    ("gain", "read", "kind"),
    [(2.0, 5.0, "poisson_gaussian"), (10.0, 1.0, "poisson"), (0.5, 20.0, "gaussian")],
)
@pytest.mark.parametrize(("physics", "method"), [("blur", "ssi"), ("denoising", "noise2self")])
def test_recommendations_can_be_run(
    gain: float, read: float, kind: str, physics: str, method: str
) -> None:
    name, params, chosen, why = recommend(found(camera(gain, read)), physics)
    assert (name, chosen) == (kind, method)
    assert chosen in registry.methods()
    registry.find("noise", name).build(params)
    assert why.endswith(".")


def test_speckle_follows_no_line() -> None:
    rng = np.random.default_rng(0)
    y = (specimen(1000) ** 1.5 / 30) * rng.gamma(2, 1 / 2, (SIDE, SIDE))
    report = measure([y.astype(np.float32)], Levels(0.0))
    assert recommend(report, "denoising")[0] == "independent"


# --- recordings -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["BPAE_G_noisy.tif", "Confocal_FISH_3_noisy.png", "mice_noisy.tif"]
)
def test_in_a_confocal_recording_the_variance_is_linear_in_the_mean(
    shared_data: Path, name: str
) -> None:
    path = shared_data / "A" / "fmd" / name
    if not path.is_file():
        pytest.skip("needs ../shared/data/A/fmd")
    y = (tifffile if name.endswith("tif") else iio).imread(path).astype(np.float32)
    truth = path.with_name(name.replace("noisy", "gt"))
    z = (tifffile if name.endswith("tif") else iio).imread(truth).astype(np.float64)
    levels = background.measure([y])
    report = measure([y], levels)
    points = report.points
    straight = report.gain * (points.means - report.offset) + report.read_noise**2
    assert np.corrcoef(points.means, points.variances)[0, 1] > 0.98
    assert np.median(np.abs(points.variances / straight - 1)) < 0.15
    assert report.identifiable["gain"]
    assert not report.correlated
    # against the average of fifty recordings; its differences from one of them also hold
    # slow changes, of light or place, which second differences take out
    noise = difference(y - z)
    inside = (z > levels.offset) & (z < 0.6 * z.max())
    bright = inside & (z > np.quantile(z[inside], 0.8))
    dark = inside & (z < np.quantile(z[inside], 0.5))
    seen = [float((noise[part] ** 2).mean()) for part in (bright, dark)]
    gain = (seen[0] - seen[1]) / (z[bright].mean() - z[dark].mean())
    assert report.gain == pytest.approx(gain, rel=0.2)


def test_sure_is_advised_unless_pixels_are_outlying() -> None:
    y = camera(2.0, 3.0)
    assert "or SURE" in recommend(found(y), "blur")[3]
    assert "SSI" in recommend(found(y), "blur")[3]
    spotted = y.copy()
    spotted.reshape(-1)[::211] = float(y.max()) * 4
    assert "not SURE" in recommend(found(spotted), "denoising")[3]
    clipped = np.minimum(y, np.quantile(y, 0.97))
    report = measure([clipped], background.measure([clipped]))
    assert report.saturated > 0.02
    assert "or SURE" in recommend(report, "denoising")[3]

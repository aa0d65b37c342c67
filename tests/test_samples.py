"""The simulated specimens: what they claim is what they are."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.signal import fftconvolve

from napari_ssi import InputError
from napari_ssi.samples import SAMPLES, make
from napari_ssi.samples.microscope import GAIN, OFFSET, READ_NOISE, widefield_psf
from napari_ssi.samples.specimen import Sample


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> Sample:
    return make(request.param)


def first(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The first frame of recording and truth, in photo-electrons."""
    index = sample.stack.frames(0)[0]
    return tuple(
        (np.asarray(d[index], float) - OFFSET) / GAIN for d in (sample.stack.data, sample.truth)
    )


def test_types_and_shapes(sample: Sample) -> None:
    assert sample.stack.data.dtype == np.uint16
    assert sample.truth.dtype == sample.psf.dtype == np.float32
    assert sample.truth.shape == sample.stack.shape
    assert sample.psf.ndim == sample.stack.ndim
    assert sample.psf.sum() == pytest.approx(1, abs=1e-4)
    assert sample.psf.argmax() == np.ravel_multi_index(
        [n // 2 for n in sample.psf.shape], sample.psf.shape
    )
    assert sample.truth.min() >= OFFSET
    assert sample.stack.pixel_size
    assert sample.description.endswith(".")


def test_the_recording_is_the_truth_blurred_with_the_noise_of_the_camera(sample: Sample) -> None:
    recording, truth = first(sample)
    expected = fftconvolve(truth, sample.psf, mode="valid")
    inner = tuple(
        slice(s // 2, s // 2 + n) for s, n in zip(sample.psf.shape, expected.shape, strict=True)
    )
    residual = recording[inner] - expected
    variance = expected + READ_NOISE**2 + 1 / (12 * GAIN**2)  # shot, read, rounding
    # The mean and the variance of n numbers are known to about 1/sqrt(n).
    n = residual.size
    assert abs((residual / np.sqrt(variance)).mean()) < 5 / np.sqrt(n) + 0.005
    assert (residual**2 / variance).mean() == pytest.approx(1, abs=8 / np.sqrt(n) + 0.01)
    # White: neighbours are independent.
    white = residual / np.sqrt(variance)
    assert abs((white[..., 1:] * white[..., :-1]).mean()) < 5 / np.sqrt(n) + 0.005


def test_light_is_scarce_but_not_absent(sample: Sample) -> None:
    recording, _ = first(sample)
    assert 30 < np.percentile(recording, 99.9) < 300


def test_the_same_seed_gives_the_same_image(sample: Sample) -> None:
    again, other = make(sample.name), make(sample.name, seed=1)
    np.testing.assert_array_equal(again.stack.data, sample.stack.data)
    assert not np.array_equal(other.stack.data, sample.stack.data)


def test_it_is_made_in_under_two_seconds(sample: Sample) -> None:
    took = []
    for _ in range(2):
        start = time.process_time()  # not what other programs on the machine take
        make(sample.name)
        took.append(time.process_time() - start)
    assert min(took) < 2


def test_vesicles_move() -> None:
    truth = make("vesicles_timelapse").truth
    assert np.array_equal(truth[0, 0], truth[-1, 0])
    assert not np.array_equal(truth[0, 1], truth[-1, 1])


def test_psf_in_focus_is_the_airy_pattern() -> None:
    """Without aberration, against J1: [2 J1(v) / v]^2 with v = 2 π NA r / λ."""
    from scipy.special import j1

    pixel, na, wavelength = 0.05, 0.8, 0.55
    psf = widefield_psf(
        (61, 61), (pixel, pixel), numerical_aperture=na, wavelength=wavelength, index=1.0
    )
    r = np.arange(1, 13) * pixel
    v = 2 * np.pi * na * r / wavelength
    np.testing.assert_allclose(psf[30, 31:43] / psf[30, 30], (2 * j1(v) / v) ** 2, atol=0.02)


def test_every_plane_of_the_psf_carries_the_same_light() -> None:
    """Widefield: nothing is lost out of focus, as long as the window holds it."""
    psf = widefield_psf(
        (5, 101, 101), (0.3, 0.1, 0.1), numerical_aperture=0.8, wavelength=0.55, index=1.33
    )
    light = psf.sum((1, 2))
    np.testing.assert_allclose(light, light[2], rtol=0.05)
    np.testing.assert_allclose(psf[1], psf[3], rtol=1e-3, atol=1e-9)


def test_unknown_names() -> None:
    with pytest.raises(InputError, match="cells_2d"):
        make("cats")

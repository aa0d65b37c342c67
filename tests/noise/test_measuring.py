"""The noise of a recording, with and without dark frames."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssi import ImageStack, InputError, measure_noise
from napari_ssi.noise.estimation import recommend

OFFSET, GAIN, READ = 120.0, 1.7, 5.0


def recording(seed: int = 0) -> ImageStack:
    rng = np.random.default_rng(seed)
    light = np.linspace(10, 300, 200) * np.ones((2, 160, 1))
    y = OFFSET + GAIN * rng.poisson(light) + rng.normal(0, READ, light.shape)
    return ImageStack(y.round().astype(np.uint16), "ZYX")


def dark_frames(n: int = 3) -> ImageStack:
    y = OFFSET + np.random.default_rng(9).normal(0, READ, (n, 100, 90))
    y[0, 50, 50] = 4000  # a hot pixel
    return ImageStack(y.round().astype(np.uint16), "ZYX")


def test_dark_frames_tell_what_a_bright_recording_cannot() -> None:
    alone, helped = measure_noise(recording()), measure_noise(recording(), dark=dark_frames())
    # there is no dark place: the offset that fits best is far off
    assert abs(alone.offset - OFFSET) > 5
    assert helped.offset == pytest.approx(OFFSET, abs=0.2)
    assert helped.read_noise == pytest.approx(READ, rel=0.03)
    assert helped.gain == pytest.approx(GAIN, rel=0.05)
    assert helped.identifiable == {"gain": True, "read_noise": True}


def test_the_recording_is_not_changed() -> None:
    stack = recording()
    before = stack.data.copy()
    measure_noise(stack, dark=dark_frames())
    np.testing.assert_array_equal(stack.data, before)


def test_frames_with_light_are_no_dark_frames() -> None:
    with pytest.raises(InputError, match="brighter"):
        measure_noise(recording(), dark=ImageStack(np.full((20, 20), 3000, np.uint16), "YX"))
    with pytest.raises(InputError, match="brighter"):  # nor is the recording itself
        measure_noise(recording(), dark=recording(1))


def test_dark_frames_that_are_cut_off_tell_nothing() -> None:
    y = np.random.default_rng(0).normal(0, 4, (2, 60, 60)).clip(0).round()
    with pytest.raises(InputError, match="cut off at 0"):
        measure_noise(recording(), dark=ImageStack(y.astype(np.uint16), "ZYX"))


@pytest.mark.parametrize("wrong", [{"offset": float("nan")}, {"channel": 7}, {"channel": -1}])
def test_what_is_no_offset_or_channel_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="must be"):
        measure_noise(recording(), **wrong)  # type: ignore[arg-type]


def test_a_given_offset_is_kept() -> None:
    assert measure_noise(recording(), offset=118.5).offset == 118.5


@pytest.mark.parametrize(("side", "told"), [(80, False), (96, True)])
def test_a_small_recording_does_not_claim_that_neighbours_are_independent(side, told) -> None:
    light = np.linspace(20, 400, side) + np.zeros((side, 1))
    y = 100 + 2 * np.random.default_rng(0).poisson(light)
    report = measure_noise(ImageStack(y.astype("uint16"), "YX"))
    assert ("neighbouring pixels are independent" in report.sentence) == told
    assert ("90 x 90 pixels" in report.sentence) == (not told)
    why = recommend(report, "denoising")[3]
    assert why.startswith("Independent pixels" if told else "Pixels taken to be independent")


def spoiled(seed: int = 0) -> tuple[ImageStack, np.ndarray]:
    """A recording of which a block flickers, two rows are dead and 1 % of the pixels are noisy."""
    rng = np.random.default_rng(seed)
    y = np.array(recording(seed).data, np.float32)
    mask = rng.random(y.shape[1:]) < 0.01
    mask[20:90, 30:110] = True
    mask[120:122] = True
    y[:, mask] = rng.normal(4000, 900, (len(y), mask.sum()))
    y[:, 120:122] = 0
    return ImageStack(y.round().astype(np.uint16), "ZYX"), mask


def test_masked_pixels_have_no_say() -> None:
    stack, mask = spoiled()
    clean = measure_noise(recording(), offset=OFFSET)
    report = measure_noise(stack, offset=OFFSET, mask=mask)
    assert report.gain == pytest.approx(GAIN, rel=0.06)
    assert report.read_noise == pytest.approx(READ, rel=0.35)
    assert report.gaussian_sigma == pytest.approx(clean.gaussian_sigma, rel=0.05)
    assert not (report.correlated or report.row_noise or report.column_noise)
    assert report.outliers < 1e-4 and report.clipped_low == report.saturated == 0
    assert report.left_out == pytest.approx(mask.mean(), abs=1e-6)
    assert "of the pixels are left out" in report.sentence
    # without the mask the measurement is quite another
    wrong = measure_noise(stack, offset=OFFSET)
    assert abs(wrong.gaussian_sigma / clean.gaussian_sigma - 1) > 0.2 or wrong.outliers > 1e-3


def test_what_is_masked_does_not_matter_to_the_bit() -> None:
    stack, mask = spoiled()
    other = stack.data.copy()
    other[:, mask] = 300
    reports = [measure_noise(s, mask=mask) for s in (stack, ImageStack(other, "ZYX"))]
    assert reports[0].sentence == reports[1].sentence
    for name in ("gain", "read_noise", "offset", "gaussian_sigma", "outliers", "row_size"):
        assert getattr(reports[0], name) == getattr(reports[1], name)
    np.testing.assert_array_equal(reports[0].autocorrelation, reports[1].autocorrelation)


def test_a_mask_for_other_axes_and_channels() -> None:
    stack, mask = spoiled()
    y = np.stack([stack.data[0], stack.data[1]], -1)  # Y, X, T
    moved = ImageStack(y, "YXT")
    one, two = measure_noise(stack, mask=mask), measure_noise(moved, mask=mask[None])
    assert one.gain == pytest.approx(two.gain, rel=1e-6)


def test_a_mask_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(
        InputError, match="mask has 20 x 20 pixels, and the recording 2 x 160 x 200"
    ):
        measure_noise(recording(), mask=np.zeros((20, 20)))
    half = np.random.default_rng(0).random((160, 200)) < 0.5
    with pytest.raises(InputError, match="The mask leaves 0 pixels"):
        measure_noise(recording(), mask=half)

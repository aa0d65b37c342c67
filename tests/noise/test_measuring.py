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

"""Motion against the mean of shifted images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import shift

from napari_ssi.errors import InputError
from napari_ssi.physics.motion import Motion, line


@pytest.mark.parametrize(("length", "angle"), [(5, 0), (4.3, 90), (7, 30), (6.5, -120)])
def test_it_is_the_mean_of_shifted_images(length: float, angle: float) -> None:
    motion = Motion(length=length, angle=angle)
    motion.bind((24, 26), (0.1, 0.1))
    x = np.random.default_rng(0).random(motion.object_shape((24, 26)))
    phi = math.radians(angle)
    steps = (np.arange(400) + 0.5) / 400 * length - length / 2
    moved = np.mean(
        [shift(x, (s * math.sin(phi), s * math.cos(phi)), order=1, mode="nearest") for s in steps],
        axis=0,
    )
    (top, _), (left, _) = motion.halo
    ours = motion.A(torch.from_numpy(x)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(ours, moved[top : top + 24, left : left + 26], atol=2e-3)


def test_the_length_may_be_in_micrometres() -> None:
    motion = Motion(length=0.6, unit="µm")
    motion.bind((32, 32), (0.1, 0.1))
    same = Motion(length=6)
    same.bind((32, 32), (0.1, 0.1))
    x = torch.rand(1, 1, *same.object_shape((32, 32)))
    torch.testing.assert_close(motion.A(x), same.A(x))
    with pytest.raises(InputError, match="check the unit"):
        Motion(length=60, unit="µm").bind((32, 32), (0.1, 0.1))


def test_a_line_is_even_and_in_the_middle() -> None:
    kernel = line((0, 6))
    assert kernel.shape == (1, 7)
    np.testing.assert_allclose(kernel[0], [1 / 12, *[1 / 6] * 5, 1 / 12], atol=1e-4)
    tilted = line((2.5, -4))
    np.testing.assert_allclose(tilted, tilted[::-1, ::-1], atol=1e-4)


def test_planes_of_a_stack_move_alike() -> None:
    motion = Motion(length=5, angle=45)
    motion.bind((4, 20, 20), (0.3, 0.1, 0.1))
    plane = Motion(length=5, angle=45)
    plane.bind((20, 20), (0.1, 0.1))
    x = torch.rand(1, 1, *motion.object_shape((4, 20, 20)))
    each = [plane.A(x[:, :, z]) for z in range(4)]
    torch.testing.assert_close(motion.A(x), torch.stack(each, 2), atol=1e-6, rtol=0)

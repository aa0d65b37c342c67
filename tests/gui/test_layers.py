"""What is understood of a layer, and where a region of it lies."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_ssi._qt.layers import (
    Frame,
    axes_choices,
    detected_axes,
    detected_pixel_size,
    refusal,
    to_stack,
)
from napari_ssi._qt.region import crop
from napari_ssi.errors import InputError


def image(*shape: int, **facts: Any) -> Image:
    return Image(np.random.default_rng(0).random(shape), **facts)


@pytest.mark.parametrize(
    ("shape", "labels", "axes"),
    [
        ((9, 9), None, "YX"),
        ((3, 9, 9), None, "ZYX"),
        ((3, 9, 9), ("t", "y", "x"), "TYX"),
        ((3, 9, 9), ("Time", "height", "width"), "TYX"),
        ((9, 9, 2), ("y", "x", "c"), "YXC"),
        ((2, 3, 9, 9), None, "TZYX"),
        ((2, 3, 9, 9), ("c", "c", "y", "x"), "TZYX"),
        ((2, 2, 3, 9, 9), None, "TCZYX"),
    ],
)
def test_axes(shape: tuple[int, ...], labels: Any, axes: str) -> None:
    layer = image(*shape, axis_labels=labels)
    assert detected_axes(layer) == axes
    choices = [letters for letters, _ in axes_choices(layer.ndim, axes)]
    assert axes in choices
    assert all(sorted(c) == sorted(set(c)) and len(c) == layer.ndim for c in choices)


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((0.3, 0.1, 0.1), ("um",) * 3, (0.3, 0.1, 0.1)),
        ((300, 100, 100), ("nm",) * 3, (0.3, 0.1, 0.1)),
        ((0.3, 0.1, 0.1), None, (0.3, 0.1, 0.1)),
        ((1, 1, 1), None, None),
        ((1, 1, 1), ("um",) * 3, (1, 1, 1)),
    ],
)
def test_pixel_size(scale: Any, units: Any, expected: Any) -> None:
    found = detected_pixel_size(image(3, 9, 9, scale=scale, units=units), "ZYX")
    assert found == (expected if expected is None else pytest.approx(expected))


def test_what_cannot_be_restored_is_refused_in_a_sentence() -> None:
    colour = Image(np.zeros((9, 9, 3), np.uint8), rgb=True)
    labels = Labels(np.zeros((9, 9), int))
    assert "colour" in refusal(colour)
    assert "labels layer" in refusal(labels)
    assert "no image" in refusal(None)
    assert refusal(image(9, 9)) == ""
    for layer in (colour, labels):
        with pytest.raises(InputError):
            to_stack([layer], "YX", None)


def test_layers_as_channels_are_not_copied() -> None:
    reads: list[Any] = []

    class Counted:
        shape, dtype, ndim = (4, 16, 16), np.dtype("u2"), 3

        def __getitem__(self, index: Any) -> Any:
            reads.append(index)
            return np.zeros(self.shape, self.dtype)[index]

    lazy = da.from_array(Counted(), chunks=(1, 16, 16), name=False, asarray=False)
    layers = [Image(lazy, name=n, contrast_limits=(0, 1)) for n in ("red", "green")]
    reads.clear()
    stack = to_stack(layers, "ZYX", None)
    assert not reads
    assert (stack.axes, stack.shape) == ("CZYX", (2, 4, 16, 16))
    assert stack.channel_names == ("red", "green")
    assert stack.read(stack.frames(1, 2)[0]).shape == (16, 16)
    with pytest.raises(InputError, match="same shape"):
        to_stack([image(16, 16), image(16, 20)], "YX", None)
    with pytest.raises(InputError, match="channels already"):
        to_stack([image(2, 16, 16), image(2, 16, 16)], "CYX", None)


def test_a_pyramid_is_taken_at_full_resolution() -> None:
    layer = Image([np.zeros((64, 64)), np.zeros((32, 32))], multiscale=True)
    assert to_stack([layer], "YX", None).shape == (64, 64)


def test_a_region_lies_where_it_was_cut_even_when_turned() -> None:
    angle = np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    data = np.random.default_rng(0).random((60, 50))
    layer = Image(data, scale=(0.2, 0.1), translate=(5, 7), rotate=turn)
    frame = Frame.of(layer, "YX")
    part, (moved,) = crop(
        to_stack([layer], "YX", None), (frame,), (slice(10, 40), slice(8, 40)), None
    )
    np.testing.assert_array_equal(part.data, data[10:40, 8:40])
    result = Image(np.asarray(part.data), **moved.settings())
    np.testing.assert_allclose(result.data_to_world((0, 0)), layer.data_to_world((10, 8)))
    np.testing.assert_allclose(result.data_to_world((3, 4)), layer.data_to_world((13, 12)))
    np.testing.assert_allclose(moved.to_data(layer.data_to_world((13, 12))), (3, 4), atol=1e-9)


def test_a_try_on_a_time_lapse_takes_one_time_point() -> None:
    data = np.random.default_rng(0).random((5, 40, 40))
    layer = Image(data)
    frame = Frame.of(layer, "TYX")
    window = (slice(0, 32), slice(4, 36))
    part, (moved,) = crop(to_stack([layer], "TYX", None), (frame,), window, 3)
    np.testing.assert_array_equal(part.data, data[3:4, :32, 4:36])
    assert moved.translate == (3, 0, 4)

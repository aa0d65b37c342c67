"""ImageStack: any axes, any array, read frame by frame and put back where it came from."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_ssi.errors import InputError
from napari_ssi.stack import WINDOW, ImageStack

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 9, "X": 11}


def numbered(axes: str) -> np.ndarray:
    """Every pixel says where it is: 10000 t + 1000 c + 200 z + 15 y + x."""
    weight = {"T": 10000, "C": 1000, "Z": 200, "Y": 15, "X": 1}
    grids = np.indices([SIZES[a] for a in axes])
    return sum(weight[a] * g for a, g in zip(axes, grids, strict=True)).astype(np.float32)


def counted(
    shape: tuple[int, ...], chunks: tuple[int, ...]
) -> tuple[da.Array, list[tuple[int, ...]]]:
    """A dask array that writes down which of its chunks were computed."""
    loads: list[tuple[int, ...]] = []

    def load(block_info: dict) -> np.ndarray:
        info = block_info[None]
        loads.append(tuple(info["chunk-location"]))
        return np.ones(info["chunk-shape"], np.uint16)

    return da.map_blocks(
        load, dtype=np.uint16, chunks=da.core.normalize_chunks(chunks, shape)
    ), loads


@pytest.mark.parametrize(
    "axes",
    [
        "".join(p)
        for letters in ("YX", "ZYX", "CYX", "TZYX", "TCZYX")
        for p in permutations(letters)
    ][:160:3],
)
@pytest.mark.parametrize("ndim", [2, 3])
def test_read_and_place_are_inverse_for_any_order(axes: str, ndim: int) -> None:
    data = numbered(axes)
    stack = ImageStack(data, axes)
    if ndim > stack.ndim:
        pytest.skip("a plane is no volume")
    out = np.full_like(data, np.nan)
    for channel in range(stack.n_channels):
        frames = stack.frames(channel, ndim)
        expected = stack.size("T") * (stack.size("Z") if ndim < stack.ndim else 1)
        assert len(frames) == expected
        for n, index in enumerate(frames):
            frame = stack.read(index)
            assert frame.shape == tuple(SIZES[a] for a in "ZYX"[-ndim:])
            z_planes = stack.size("Z") if ndim < stack.ndim else 1
            t, z = divmod(n, z_planes)
            assert frame.flat[0] == 10000 * t + 1000 * channel + 200 * z
            assert frame.flat[1] - frame.flat[0] == 1  # X is last
            stack.place(out, index, frame)
    np.testing.assert_array_equal(out, data)


@pytest.mark.parametrize(
    "dtype", [">u2", "<u2", ">f4", ">i4", np.uint8, np.int16, np.float16, np.float64, np.uint64]
)
def test_every_number_type_and_byte_order(dtype: str) -> None:
    data = np.arange(80).reshape(8, 10).astype(dtype)
    frame = ImageStack(data, "YX").read((slice(None), slice(None)))
    assert frame.dtype == np.float32
    assert frame.dtype.isnative
    np.testing.assert_array_equal(frame, np.arange(80).reshape(8, 10))


def test_what_is_read_is_a_copy() -> None:
    data = np.zeros((8, 8), np.float32)
    stack = ImageStack(data, "YX")
    stack.read(stack.frames(0)[0])[:] = 5
    assert not data.any()


def test_lazy_arrays_are_read_frame_by_frame() -> None:
    data, loads = counted((5, 3, 4, 16, 16), (1, 1, 1, 16, 16))
    stack = ImageStack(data, "TCZYX", (1, 1, 1))
    stack.describe()
    part = stack.crop((slice(1, 3), slice(0, 8), slice(4, 12)))
    frames = stack.frames(1)
    assert loads == []
    stack.read(frames[2])
    assert sorted(set(loads)) == [(2, 1, z, 0, 0) for z in range(4)]
    loads.clear()
    part.read(part.frames(2, 2)[3])
    assert set(loads) == {(1, 2, 2, 0, 0)}
    loads.clear()
    assert len(list(stack.planes(0, limit=3))) == 3
    assert len(set(loads)) == 3
    assert {chunk[1] for chunk in loads} == {0}


@pytest.mark.parametrize("kind", ["zarr", "memmap", "dask", "numpy"])
def test_arrays_on_disk(kind: str, tmp_path: Path) -> None:
    data = numbered("TCZYX")
    if kind == "zarr":
        array = zarr.create_array(
            store=str(tmp_path / "a.zarr"), shape=data.shape, dtype=data.dtype
        )
        array[...] = data
    elif kind == "memmap":
        array = np.memmap(tmp_path / "a.raw", data.dtype, "w+", shape=data.shape)
        array[...] = data
    else:
        array = da.from_array(data) if kind == "dask" else data
    stack = ImageStack(array, "TCZYX", (0.5, 0.1, 0.1), ("red", "green", ""), "it")
    part = stack.crop((slice(1, 4), slice(-8, None), slice(1, 9)))
    assert part.shape == (2, 3, 3, 8, 8)
    assert part.pixel_size == stack.pixel_size
    assert part.channel_names == stack.channel_names
    index = part.frames(2)[1]
    np.testing.assert_array_equal(part.read(index), data[1, 2, 1:4, 1:, 1:9])
    np.testing.assert_array_equal(np.asarray(part.data), data[:, :, 1:4, 1:, 1:9])
    again = part.crop((slice(1, 2), slice(None), slice(None)))
    np.testing.assert_array_equal(again.read(again.frames(0)[0]), data[0, 0, 2:3, 1:, 1:9])


def test_cropping_an_array_on_disk_reads_nothing() -> None:
    class Disk:
        shape, dtype = (6, 5000, 5000), np.dtype(np.uint16)
        read: list[int] = []  # noqa: RUF012

        def __getitem__(self, index: tuple[slice | int, ...]) -> np.ndarray:
            result = np.broadcast_to(np.uint16(7), self.shape)[index]
            self.read.append(result.size)
            return result

    disk = Disk()
    part = ImageStack(disk, "TYX").crop((slice(100, 200), slice(300, 340)))
    assert disk.read == []
    part.read(part.frames(0)[3])
    assert disk.read == [100 * 40]


def test_statistics_of_large_planes_are_bounded_and_cover_them() -> None:
    class Big:
        shape, dtype = (3, 5000, 3000), np.dtype(np.uint16)

        def __init__(self) -> None:
            self.seen = np.zeros(self.shape, bool)

        def __getitem__(self, index: tuple[slice | int, ...]) -> np.ndarray:
            self.seen[index] = True
            return np.zeros(self.seen[index].shape, np.uint16)

    big = Big()
    planes = list(ImageStack(big, "TYX").planes(0, limit=16))
    assert len(planes) == 16
    assert all(max(plane.shape) <= WINDOW for plane in planes)
    assert big.seen.mean() > 0.3  # 16 of 45 parts, each another
    assert big.seen.any((1, 2)).all()
    # a small recording is seen whole
    small = Big()
    small.shape = (1, 2048, 2048)
    small.seen = np.zeros(small.shape, bool)
    assert len(list(ImageStack(small, "TYX").planes(0))) == 4
    assert small.seen.all()


def test_planes_are_spread_over_time_and_depth() -> None:
    stack = ImageStack(numbered("TCZYX"), "TCZYX")
    first = [int(plane[0, 0]) for plane in stack.planes(1)]
    assert first == [10000 * t + 1000 + 200 * z for t in range(2) for z in range(4)]
    assert [int(plane[0, 0]) for plane in stack.planes(1, limit=2)] == [1000, 11600]


def test_describe_in_words() -> None:
    stack = ImageStack(np.zeros((1, 32, 20, 24), ">u2"), "czyx", (0.29, 0.26, 0.26))
    assert (
        stack.describe() == "1 channel, 32 z-planes, 24 x 20 pixels, 0.26 x 0.26 x 0.29 µm, uint16"
    )
    assert (
        ImageStack(np.zeros((9, 8)), "YX").describe()
        == "8 x 9 pixels, pixel size not known, float64"
    )
    assert stack.channel_name(0) == "image"
    named = ImageStack(np.zeros((2, 8, 8)), "CYX", None, ("DAPI",))
    assert [named.channel_name(c) for c in range(2)] == ["DAPI", "channel 1"]


@pytest.mark.parametrize(
    ("data", "axes", "size", "words"),
    [
        (np.zeros((8, 8, 3)), "YXS", None, "Colour"),
        (np.zeros((8, 8)), "YY", None, "different letters"),
        (np.zeros((8, 8)), "ZY", None, "with Y and X"),
        (np.zeros((8, 8)), "", None, "different letters"),
        (np.zeros((8, 8)), "ZYX", None, "has 2 axes"),
        (np.zeros((8, 8), bool), "YX", None, "labels image"),
        (np.zeros((8, 8), complex), "YX", None, "real numbers"),
        (np.zeros((8, 8), "U3"), "YX", None, "real numbers"),
        (np.zeros((3, 3)), "YX", None, "at least 8 x 8 pixels in Y and X; got 3 x 3"),
        (np.zeros((0, 8, 8)), "ZYX", None, "empty"),
        (np.zeros((8, 8)), "YX", (0.1,), "one pixel size per spatial axis"),
        (np.zeros((8, 8)), "YX", (0.1, 0.0), "above 0 µm"),
        (np.zeros((8, 8)), "YX", (0.1, float("nan")), "above 0 µm"),
        ([np.zeros((8, 8))], "YX", None, "multiscale"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(
    data: object, axes: str, size: tuple[float, ...] | None, words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        ImageStack(data, axes, size)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_pixels_that_are_no_numbers(bad: float) -> None:
    data = np.zeros((8, 8))
    data[3, 3] = bad
    stack = ImageStack(data, "YX", name="mine")
    with pytest.raises(InputError, match="1 of 64 pixels of 'mine' are NaN or infinite"):
        stack.read(stack.frames(0)[0])


def test_bad_regions() -> None:
    stack = ImageStack(np.zeros((16, 16)), "YX")
    with pytest.raises(InputError, match="one range per axis"):
        stack.crop((slice(0, 8),))
    with pytest.raises(InputError, match="without gaps"):
        stack.crop((slice(0, 16, 2), slice(None)))
    with pytest.raises(InputError, match="at least 8 x 8"):
        stack.crop((slice(0, 4), slice(None)))
    with pytest.raises(InputError, match="plane cannot be restored as a volume"):
        stack.frames(0, 3)

"""Recordings in, checked against the files' own tags and arrays made here."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile

from napari_ssi import InputError
from napari_ssi.io import read, read_with_notes, tiffs


def numbers(*shape: int, dtype: str = "uint16") -> np.ndarray:
    return (np.arange(np.prod(shape)) % 251).reshape(shape).astype(dtype)


#: What each odd file of the shared data is: axes, shape, µm as ([Z,] Y, X).
OPEN = {
    "generated/constant_zero.tif": ("YX", (48, 64), None),
    "generated/float32_one_nan.tif": ("YX", (48, 64), None),
    "generated/ij_TZCYX_hyperstack.tif": ("TZCYX", (2, 4, 3, 48, 64), (0.3, 0.1, 0.1)),
    "generated/int16_negative.tif": ("YX", (48, 64), None),
    "generated/odd_prime_47x61.tif": ("YX", (47, 61), None),
    "generated/ome_CYX.ome.tif": ("CYX", (3, 48, 64), (0.1, 0.1)),
    "generated/ome_TCZYX.ome.tif": ("TCZYX", (2, 3, 4, 48, 64), (0.3, 0.1, 0.1)),
    "generated/ome_TYX.ome.tif": ("TYX", (5, 48, 64), (0.1, 0.1)),
    "generated/ome_ZYX.ome.tif": ("ZYX", (6, 48, 64), (0.3, 0.1, 0.1)),
    "generated/plain_bigendian_YX.tif": ("YX", (48, 64), None),
    "generated/psf_all_zero.tif": ("YX", (15, 15), None),
    "generated/psf_even_48x64.tif": ("YX", (48, 64), None),
    "generated/psf_offcenter.tif": ("YX", (48, 64), None),
    "generated/twelvebit_in_16_YX.tif": ("YX", (48, 64), None),
    "ome/neuron-4Ch.ome.tiff": ("CYX", (4, 623, 502), (0.1241, 0.1241)),
    "pillow/12in16bit.tif": ("YX", (100, 100), None),
    "pillow/16bit.MM.cropped.tif": ("YX", (64, 64), None),
    "pillow/16bit.s.tif": ("YX", (10, 10), None),
    "real/hela-cells_12in16_YXS_ij_bigendian.tif": ("YXC", (512, 672, 3), (0.0514931, 0.0514931)),
    "real/psf_all_nan_float32.tif": ("ZYX", (41, 150, 150), None),
    "skimage/chessboard_GRAY_U16.tif": ("YX", (200, 200), None),
    "skimage/chessboard_GRAY_U16B.tif": ("YX", (200, 200), None),
    "skimage/multipage.tif": ("ZYX", (2, 15, 10), None),
}

#: What the sentence must say where a file is refused.
REFUSED = {
    "generated/compress_lzw.tif": "colour",
    "generated/empty_file.tif": "empty",
    "generated/garbage.tif": "not a TIFF",
    "generated/rgb8_YXS.tif": "colour",
    "generated/tiny_3x3.tif": "8 x 8",
    "generated/truncated_half.ome.tif": "only 1 plane",
    "pillow/crash-2020-10-test.tif": "incomplete",
    "pillow/hopper_bigtiff.tif": "colour",
    "pillow/hopper_lzw.tif": "colour",
    "pillow/multipage_out_of_order.tiff": "mask",
    "pillow/seek_too_large.tif": "damaged",
    "skimage/multipage_rgb.tif": "colour",
}


def test_every_odd_file_has_an_expectation(shared_data: Path) -> None:
    folder = shared_data / "E"
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*.tif*")}
    assert there == set(OPEN) | set(REFUSED)


@pytest.mark.parametrize("name", OPEN)
def test_odd_files_open_right(shared_data: Path, name: str) -> None:
    axes, shape, pixel_size = OPEN[name]
    stack = read(shared_data / "E" / name)
    assert (stack.axes, stack.shape) == (axes, shape)
    assert stack.pixel_size == (pixel_size and pytest.approx(pixel_size, rel=1e-4))
    expected = tifffile.imread(shared_data / "E" / name)
    np.testing.assert_array_equal(np.asarray(stack.data), expected)


@pytest.mark.parametrize("name", REFUSED)
def test_odd_files_are_refused_in_one_sentence(
    shared_data: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=REFUSED[name]) as refusal:
        read(shared_data / "E" / name)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith(".")
    assert capfd.readouterr().err == ""  # nor a hundred lines of tifffile's log


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [(0.1, "µm", 0.1), (65, "nm", 0.065), (1e-4, "mm", 0.1), (0.2, "pixel", None)],
)
def test_ome_units(tmp_path: Path, size: float, unit: str, expected: float | None) -> None:
    sizes = {f"PhysicalSize{a}": size for a in "XY"}
    units = {f"PhysicalSize{a}Unit": unit for a in "XY"}
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, numbers(16, 24), metadata={"axes": "YX", **sizes, **units})
    assert read(path).pixel_size == (expected and pytest.approx((expected, expected)))


@pytest.mark.parametrize(
    ("unit", "factor"), [("micron", 1), ("um", 1), ("\\u00B5m", 1), ("nm", 1e-3), ("mm", 1e3)]
)
def test_imagej_units(tmp_path: Path, unit: str, factor: float) -> None:
    path = tmp_path / "ij.tif"
    x, y, z = (v / factor for v in (0.1, 0.2, 0.5))
    metadata = {"axes": "ZYX", "unit": unit, "spacing": z}
    tifffile.imwrite(
        path, numbers(5, 16, 24), imagej=True, resolution=(1 / x, 1 / y), metadata=metadata
    )
    assert read(path).pixel_size == pytest.approx((0.5, 0.2, 0.1), rel=1e-5)


@pytest.mark.parametrize(("unit", "per"), [("CENTIMETER", 1e4), ("INCH", 25400)])
def test_plain_resolution_tags_count_where_they_fit_a_microscope(
    tmp_path: Path, unit: str, per: float
) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, numbers(16, 24), resolution=(per / 0.1, per / 0.2), resolutionunit=unit)
    assert read(path).pixel_size == pytest.approx((0.2, 0.1), rel=1e-5)


def test_the_resolution_of_a_print_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "print.tif"
    tifffile.imwrite(path, numbers(16, 24), resolution=(300, 300), resolutionunit="INCH")
    stack, notes = read_with_notes(path)
    assert stack.pixel_size is None
    assert "print" in notes[0]


def test_a_missing_z_step_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(path, numbers(5, 16, 24), metadata={"axes": "ZYX", **sizes})
    stack, notes = read_with_notes(path)
    assert stack.pixel_size == (0.1, 0.1, 0.1)
    assert any("z-step" in note for note in notes)


def test_an_unnamed_axis_is_z_and_said(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, numbers(5, 16, 24), photometric="minisblack")
    stack, notes = read_with_notes(path)
    assert stack.axes == "ZYX"
    assert "taken for Z" in notes[0]


def test_axes_and_pixel_size_of_the_user_win(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, numbers(5, 16, 24), metadata={"axes": "ZYX"})
    stack, notes = read_with_notes(path, axes="tyx", pixel_size=0.2)
    assert (stack.axes, stack.pixel_size, notes) == ("TYX", (0.2, 0.2), [])
    assert read(path, pixel_size=(0.5, 0.1, 0.1)).pixel_size == (0.5, 0.1, 0.1)
    with pytest.raises(InputError, match="axis letters"):
        read(path, axes="YX")
    with pytest.raises(InputError, match="Z,Y,X"):
        read(path, pixel_size=(0.1, 0.1))


def test_colour_opens_when_the_user_says_that_it_is_channels(tmp_path: Path) -> None:
    path = tmp_path / "rgb.tif"
    tifffile.imwrite(path, numbers(16, 24, 3, dtype="uint8"), photometric="rgb")
    with pytest.raises(InputError, match="axes YXC"):
        read(path)
    assert read(path, axes="YXC").n_channels == 3


def test_channel_names_of_ome(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(path, numbers(2, 16, 24), metadata=metadata, photometric="minisblack")
    assert read(path).channel_names == ("DAPI", "GFP")


def test_the_largest_of_several_images_is_used(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tif:
        small = {"axes": "YX", "Name": "overview", "PhysicalSizeX": 5.0, "PhysicalSizeY": 5.0}
        tif.write(numbers(16, 16), metadata=small)
        large = {"axes": "YX", "Name": "detail", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
        tif.write(numbers(32, 40), metadata=large)
    stack, notes = read_with_notes(path)
    assert stack.shape == (32, 40)
    assert stack.pixel_size == (0.1, 0.1)
    assert "number 2 (detail)" in notes[0]


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_large_files_stay_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str | None
) -> None:
    monkeypatch.setattr(tiffs, "IN_MEMORY", 1000)
    path = tmp_path / "a.ome.tif"
    data = numbers(6, 32, 40).astype(">u2")
    tifffile.imwrite(path, data, metadata={"axes": "ZYX"}, compression=compression, byteorder=">")
    stack = read(path)
    assert isinstance(stack.data, np.memmap) == (compression is None)
    assert type(stack.data) is not np.ndarray
    index = stack.frames(0, 2)[4]
    np.testing.assert_array_equal(stack.read(index), data[4].astype(np.float32))


def test_a_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers(32, 40), compression="zstd")

    def missing(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.ZSTD: 50000> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", missing)
    with pytest.raises(InputError, match="compressed with ZSTD"):
        read(path)


def test_npy(tmp_path: Path) -> None:
    data = numbers(5, 16, 24).astype(np.float32)
    np.save(tmp_path / "a.npy", data)
    stack, notes = read_with_notes(tmp_path / "a.npy")
    assert stack.axes == "ZYX"
    assert notes
    np.testing.assert_array_equal(stack.data, data)
    np.save(tmp_path / "b.npy", numbers(16, 24) > 3)
    with pytest.raises(InputError, match="mask"):
        read(tmp_path / "b.npy")
    np.save(tmp_path / "c.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(InputError):
        read(tmp_path / "c.npy")


def test_grey_png(tmp_path: Path) -> None:
    data = numbers(16, 24)
    imageio.imwrite(tmp_path / "grey.png", data)
    np.testing.assert_array_equal(read(tmp_path / "grey.png").data, data)
    flat = numbers(16, 24, dtype="uint8")
    imageio.imwrite(tmp_path / "as_colour.png", np.stack([flat] * 3, -1))
    stack, notes = read_with_notes(tmp_path / "as_colour.png")
    np.testing.assert_array_equal(stack.data, flat)
    assert notes
    colour = np.stack([flat, flat // 2, flat], -1)
    imageio.imwrite(tmp_path / "colour.png", colour)
    with pytest.raises(InputError, match="colour"):
        read(tmp_path / "colour.png")


def test_what_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read(tmp_path / "nothing.tif")
    with pytest.raises(InputError, match="folder"):
        read(tmp_path)
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    with pytest.raises(InputError, match="save it as OME-TIFF"):
        read(tmp_path / "a.czi")
    (tmp_path / "a.png").write_bytes(b"no png")
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "a.png")

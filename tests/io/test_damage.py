"""Files cut short anywhere are refused or complete, never silently a part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ssi import InputError
from napari_ssi.io import read

DATA = np.random.default_rng(0).integers(0, 4000, (6, 32, 40)).astype(np.uint16)


def ome(path: Path) -> None:
    tifffile.imwrite(path, DATA, metadata={"axes": "ZYX"}, ome=True)


def ome_compressed(path: Path) -> None:
    tifffile.imwrite(path, DATA, metadata={"axes": "ZYX"}, ome=True, compression="zlib")


def ome_big_endian_bigtiff(path: Path) -> None:
    tifffile.imwrite(path, DATA, metadata={"axes": "ZYX"}, ome=True, bigtiff=True, byteorder=">")


def imagej(path: Path) -> None:
    tifffile.imwrite(path, DATA, imagej=True, metadata={"axes": "ZYX"})


def page_by_page(path: Path) -> None:
    with tifffile.TiffWriter(path) as tif:
        for plane in DATA:
            tif.write(plane, contiguous=False, metadata=None)


def metadata_first_then_pages(path: Path) -> None:
    """As an interrupted acquisition leaves it: OME promises more planes than there are."""
    with tifffile.TiffWriter(path) as tif:
        xml = tifffile.OmeXml()
        xml.addimage("uint16", DATA.shape, (6, 1, 1, 32, 40, 1), axes="ZYX")
        for i, plane in enumerate(DATA[:4]):
            text = xml.tostring(declaration=True).encode() if i == 0 else None
            tif.write(plane, contiguous=False, metadata=None, description=text)


WRITERS = [ome, ome_compressed, ome_big_endian_bigtiff, imagej, page_by_page]


@pytest.mark.parametrize("write", WRITERS)
def test_a_whole_file_is_read(tmp_path: Path, write: object) -> None:
    path = tmp_path / "a.tif"
    write(path)  # type: ignore[operator]
    np.testing.assert_array_equal(read(path).data, DATA)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("share", [0.03, 0.2, 0.5, 0.8, 0.95])
def test_a_file_cut_short_is_refused(tmp_path: Path, write: object, share: float) -> None:
    path = tmp_path / "a.tif"
    write(path)  # type: ignore[operator]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError) as refusal:
        read(path)
    assert "copy it again" in str(refusal.value)


def test_fewer_planes_than_ome_promises(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    metadata_first_then_pages(path)
    with pytest.raises(InputError, match="4 planes of 6"):
        read(path)


@pytest.mark.parametrize("seed", range(40))
def test_noise_in_the_bytes_never_escapes_as_another_error(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "a.tif"
    WRITERS[seed % len(WRITERS)](path)
    rng = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    head = min(len(content), 600) if seed % 2 else len(content)
    for at in rng.integers(0, head, 12):
        content[at] = int(rng.integers(0, 256))
    path.write_bytes(bytes(content))
    try:
        sentence, size = "", read(path).data.size
    except InputError as error:
        sentence, size = str(error), 1
    assert "\n" not in sentence
    assert size > 0

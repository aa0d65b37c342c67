"""OME-Zarr, made here with zarr itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_ssi import InputError
from napari_ssi.io import read, read_with_notes

DATA = np.random.default_rng(0).integers(0, 4000, (2, 3, 16, 24)).astype(np.uint16)
AXES = [
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "nanometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


def ome_zarr(path: Path, version: str) -> None:
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=DATA, chunks=(1, 1, 16, 24))
    group.create_array("1", data=DATA[..., ::2, ::2])
    scales = [[1, 500, 0.1, 0.1], [1, 500, 0.2, 0.2]]
    datasets = [
        {"path": str(i), "coordinateTransformations": [{"type": "scale", "scale": s}]}
        for i, s in enumerate(scales)
    ]
    attributes: dict[str, Any] = {
        "multiscales": [{"version": version, "axes": AXES, "datasets": datasets}],
        "omero": {"channels": [{"label": "DAPI"}, {"label": "GFP"}]},
    }
    group.attrs.update(attributes if version == "0.4" else {"ome": attributes})


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr(tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.ome.zarr"
    ome_zarr(path, version)
    stack, notes = read_with_notes(path)
    assert isinstance(stack.data, zarr.Array)  # lazy
    assert (stack.axes, stack.shape) == ("CZYX", DATA.shape)
    assert stack.pixel_size == pytest.approx((0.5, 0.1, 0.1))
    assert stack.channel_names == ("DAPI", "GFP")
    assert (stack.name, notes) == ("a", [])
    np.testing.assert_array_equal(stack.read(stack.frames(1)[0]), DATA[1])


def test_a_bare_array(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    zarr.create_array(str(path), data=DATA[0])
    stack, notes = read_with_notes(path)
    assert stack.axes == "ZYX"
    assert "taken for Z" in notes[0]


def test_what_is_no_image(tmp_path: Path) -> None:
    zarr.open_group(str(tmp_path / "empty.zarr"), mode="w")
    with pytest.raises(InputError, match="no image"):
        read(tmp_path / "empty.zarr")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read as Zarr"):
        read(tmp_path / "broken.zarr")
